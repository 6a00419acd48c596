;;; emacs.el --- what somebody does in a project, with Eglot -*- lexical-binding: t; -*-

;; Run by Emacs with rrb-mode loaded, on the file RRB_FILE. RRB_OUT takes what came out, as JSON.

(require 'json)
(require 'flymake)
(unless (require 'eglot nil t)
  (package-initialize)
  (require 'eglot))

(setq eglot-autoshutdown nil
      eglot-confirm-server-initiated-edits nil
      eglot-sync-connect 30
      enable-local-variables nil
      make-backup-files nil
      create-lockfiles nil)

(defun try--wait (what)
  "Wait until WHAT gives something, and give it; nil when nothing comes."
  (let ((end (+ (float-time) (string-to-number (or (getenv "RRB_LIMIT") "30")))) found)
    (while (and (not (setq found (funcall what))) (< (float-time) end))
      (accept-process-output nil 0.05))
    found))

(defun try--at (text &optional offset)
  "Go to the first TEXT, OFFSET characters into it."
  (goto-char (point-min))
  (search-forward text)
  (goto-char (+ (match-beginning 0) (or offset 0))))

(defun try--diagnostics ()
  "The problems that Flymake shows."
  (flymake-diagnostics))

(defun try--plugin ()
  `((mode . ,(symbol-name major-mode))
    (comment . ,comment-start)
    (keyword . ,(progn (font-lock-ensure) (try--at "\nrunbook " 1) (format "%s" (get-text-property (point) 'face))))
    (project . ,(file-name-nondirectory (directory-file-name (project-root (project-current)))))
    (imenu . ,(mapconcat #'car (imenu--make-index-alist t) " "))))

(defun try--attached ()
  (if (eglot-current-server) t :json-false))

(defun try--diagnosed ()
  (goto-char (point-max))
  (insert "fn broken() -> Int { nobody }\n")
  (eglot--signal-textDocument/didChange)
  (let* ((first (car (try--wait (lambda () (flymake-start) (try--diagnostics)))))
         (message (and first (flymake-diagnostic-text first)))
         (line (and first (line-number-at-pos (flymake-diagnostic-beg first)))))
    (forward-line -1)
    (delete-region (point) (point-max))
    (eglot--signal-textDocument/didChange)
    `((message . ,message)
      (line . ,line)
      (last . ,(line-number-at-pos (point-max)))
      (mended . ,(if (try--wait (lambda () (flymake-start) (null (try--diagnostics)))) t :json-false)))))

(defun try--completion ()
  (goto-char (point-max))
  (insert "fn g(t: Text) -> Int { t. }\n")
  (backward-char 3)
  (eglot--signal-textDocument/didChange)
  (let* ((found (eglot-completion-at-point))
         (labels (all-completions "" (nth 2 found))))
    (goto-char (point-max))
    (forward-line -1)
    (delete-region (point) (point-max))
    (eglot--signal-textDocument/didChange)
    (vconcat (mapcar #'substring-no-properties labels))))

(defun try--hover ()
  (try--at (getenv "RRB_HOVER") 1)
  (let ((answer (jsonrpc-request (eglot-current-server) :textDocument/hover (eglot--TextDocumentPositionParams))))
    (eglot--hover-info (plist-get answer :contents))))

(defun try--formatting ()
  (let ((before (buffer-string)))
    (goto-char (point-min))
    (re-search-forward "^  \\([^ ]\\)")
    (replace-match "        \\1")
    (let ((messy (not (string= before (buffer-string)))))
      (eglot--signal-textDocument/didChange)
      (eglot-format-buffer)
      `((messy . ,(if messy t :json-false)) (same . ,(if (string= before (buffer-string)) t :json-false))))))

(defun try--rename ()
  (let ((name (getenv "RRB_NAME")))
    (try--at name)
    (eglot--signal-textDocument/didChange)
    (eglot-rename "renamed_here")
    (save-some-buffers t)
    (goto-char (point-min))
    `((here . ,(if (search-forward "renamed_here" nil t) t :json-false))
      (left . ,(progn (goto-char (point-min)) (if (re-search-forward (concat "\\_<" name "\\_>") nil t) t :json-false))))))

(let ((steps '((attached . try--attached) (diagnostics . try--diagnosed) (completion . try--completion)
               (hover . try--hover) (formatting . try--formatting) (rename . try--rename)))
      report)
  ;; Eglot asks before it changes files that are not open.
  (mapc #'find-file-noselect (directory-files "." t "\\.rrb\\'"))
  (find-file (getenv "RRB_FILE"))
  ;; Before the server has its say.
  (push (cons "plugin" (try--plugin)) report)
  (apply #'eglot--connect (eglot--guess-contact))
  (try--wait #'eglot-current-server)
  (dolist (name (split-string (getenv "RRB_STEPS")))
    (push (cons name (condition-case problem
                         (funcall (alist-get (intern name) steps))
                       (error `((failed . ,(error-message-string problem))))))
          report))
  (let ((coding-system-for-write 'utf-8))
    (write-region (json-encode report) nil (getenv "RRB_OUT") nil 'quiet))
  (ignore-errors (eglot-shutdown (eglot-current-server)))
  (kill-emacs 0))
;;; emacs.el ends here
