;;; rrb-mode.el --- Remediation runbooks in rrb -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: Apache-2.0
;; Version: 0.1.0
;; Package-Requires: ((emacs "27.1"))
;; Keywords: languages, tools

;;; Commentary:

;; A major mode for rrb: colours, indentation, imenu, `rrb check' as `compile-command', commands to play tests and preview plans, and the
;; language server by Eglot, which is part of Emacs since 29 and in GNU ELPA before.

;;; Code:

(require 'cl-lib)
(require 'compile)
(require 'imenu)
(require 'project)

(defgroup rrb nil
  "Remediation runbooks in rrb."
  :group 'languages
  :prefix "rrb-")

(defcustom rrb-program "rrb"
  "The rrb program: a name on the path, or a whole path."
  :type 'string
  :risky t)

(defcustom rrb-indent-offset 2
  "How far a level is indented.  `rrb fmt' writes 2."
  :type 'integer
  :safe #'integerp)

(defface rrb-destroys-face
  '((t :inherit font-lock-warning-face))
  "Face for the effect that destroys.")

;;; Colours

(defconst rrb-mode--keywords
  '("action" "approve" "break" "catch" "connector" "continue" "do" "else" "enum" "event" "fail" "finish"
    "fn" "for" "if" "let" "match" "on" "otherwise" "parallel" "policy" "race" "restart" "return" "runbook"
    "settings" "skip" "step" "test" "try" "type" "use" "var" "verify" "wait" "waive" "where" "while" "with"
    "and" "as" "in" "is" "matches" "mod" "not" "or")
  "Words that are reserved.")

(defconst rrb-mode--clauses
  '("acknowledge" "advance" "after" "allow" "answer" "applies" "approval" "ask" "at" "backoff"
    "because" "before" "between" "busy" "by" "called" "cancel" "collect" "comment" "concurrency" "controls" "crash" "dedupe"
    "delegate" "deny" "disposition" "distinct" "during" "each" "earlier" "emit" "escalate" "every"
    "evidence" "expect" "fails" "failure" "failures" "file" "finally" "forbid" "from" "give" "given"
    "group" "id" "idempotent" "ineffective" "key" "keyed" "keys" "later" "limit" "log" "max" "missed"
    "native" "no" "now" "of" "once" "origins" "outcome" "owner" "pausing" "per" "poll" "probe" "query" "queue"
    "quorum" "remind" "replace" "requester" "require" "resolve" "retry" "returns" "rollback" "run"
    "running" "runs" "settle" "severity" "shadow" "showing" "signed" "silence" "stream" "tags" "target"
    "then" "timeout" "times" "to" "trust" "twice" "undo" "unless" "unsafe" "until" "up" "waves"
    "webhook" "when" "within" "without")
  "Words that are words only where their clause can stand.")

(defun rrb-mode--is-name-p (end)
  "Whether what stands before END is a name, by what follows it."
  (save-excursion
    (goto-char end)
    (or (looking-at "[][(.,;)}]")
        (looking-at "[ \t]*\\(?:[]=:<>+*,;)}]\\|!=\\|\\?\\|- \\|-=\\)"))))

(defun rrb-mode--next-clause (limit)
  "Find the next word of a clause before LIMIT."
  (let ((pattern (concat "\\_<" (regexp-opt rrb-mode--clauses) "\\_>")) found)
    (while (and (not found) (re-search-forward pattern limit t))
      (let ((begin (match-beginning 0)) (end (match-end 0)) (data (match-data)))
        (unless (or (eq (char-before begin) ?.) (rrb-mode--is-name-p end) (nth 8 (syntax-ppss begin)))
          (setq found t)
          (set-match-data data))
        (goto-char end)))
    found))

(defconst rrb-mode--font-lock
  `(("\\_<\\(action\\|fn\\|runbook\\|connector\\|policy\\)\\s-+\\(\\(?:\\sw\\|\\s_\\)+\\)"
     (1 font-lock-keyword-face) (2 font-lock-function-name-face))
    ("\\_<\\(type\\|enum\\|event\\)\\s-+\\(\\(?:\\sw\\|\\s_\\)+\\)"
     (1 font-lock-keyword-face) (2 font-lock-type-face))
    ("\\_<\\(let\\|var\\)\\s-+\\(\\(?:\\sw\\|\\s_\\)+\\)"
     (1 font-lock-keyword-face) (2 font-lock-variable-name-face))
    ;; Behind a dot and before a colon every word is a name.
    ("\\.\\(\\(?:\\sw\\|\\s_\\)+\\)" (1 'default t))
    ("\\_<\\([a-z_][A-Za-z0-9_]*\\)\\s-*:\\(?:[^:]\\|$\\)" (1 font-lock-variable-name-face t))
    ("\\_<destroys\\_>" . 'rrb-destroys-face)
    ("\\_<\\(?:changes\\|pure\\|reads\\)\\_>" . font-lock-builtin-face)
    (,(concat "\\_<" (regexp-opt '("true" "false" "none")) "\\_>") . font-lock-constant-face)
    (,(concat "\\_<" (regexp-opt rrb-mode--keywords) "\\_>") . font-lock-keyword-face)
    (rrb-mode--next-clause . font-lock-keyword-face)
    ("\\_<[A-Z][A-Za-z0-9_]*\\_>" . font-lock-type-face)
    ("\\_<[0-9][0-9a-zA-Z_.]*%?" . font-lock-constant-face)
    ("\\${[^}\n]*}" (0 font-lock-variable-name-face prepend)))
  "Colours of `rrb-mode'.")

(defvar rrb-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?_ "_" table)
    (modify-syntax-entry ?\" "\"" table)
    (modify-syntax-entry ?\\ "\\" table)
    (modify-syntax-entry ?' "." table)
    (modify-syntax-entry ?/ ". 12" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?$ "'" table)
    (dolist (char '(?+ ?- ?* ?% ?< ?> ?= ?! ?? ?| ?& ?. ?, ?: ?\;))
      (modify-syntax-entry char "." table))
    table)
  "Syntax of `rrb-mode'.")

(defconst rrb-mode--fence (string-to-syntax "|")
  "A quote that begins or ends a text of a form that the syntax table cannot tell.")

(defun rrb-mode--fence (begin end)
  "Let one character at each of BEGIN and END be a fence around a text."
  (put-text-property begin (1+ begin) 'syntax-table rrb-mode--fence)
  (put-text-property end (1+ end) 'syntax-table rrb-mode--fence))

(defun rrb-mode--propertize (start end)
  "Find raw texts and texts over several lines between START and END."
  (goto-char start)
  ;; What began before goes on: it is found from its beginning.
  (let ((open (nth 8 (syntax-ppss))))
    (when open (goto-char open) (skip-chars-backward "#a-z")))
  (while (re-search-forward "//\\|\\_<\\(?:re?\\|cron\\|url\\|cidr\\|ip\\|time\\)\\(#\\{0,4\\}\\)\"\\|\"\"\"\\|\"" end t)
    (let ((begin (match-beginning 0)) (hashes (match-string 1)) (found (match-string 0)))
      (cond
       ((string= found "//") (end-of-line))
       (hashes
        (let ((quote (1- (point))))
          (when (search-forward (concat "\"" hashes) nil 'move)
            (rrb-mode--fence quote (- (point) 1 (length hashes))))))
       ((string= found "\"\"\"")
        (when (re-search-forward "\\(?:[^\\]\\|\\\\.\\)??\"\"\"" nil 'move)
          (put-text-property (+ begin 1) (1- (point)) 'syntax-table (string-to-syntax "."))
          (rrb-mode--fence begin (1- (point)))))
       (t (rrb-mode--skip-text))))))

(defun rrb-mode--skip-text ()
  "Go behind a text on one line, whose first quote is just before point.
A text in one of its holes is a part of it."
  (let ((begin (1- (point))) (depth 0) (nested nil) done)
    (while (not (or done (eolp)))
      (cond
       ((eq (char-after) ?\\) (forward-char (if (eq (1+ (point)) (line-end-position)) 0 1)))
       ((looking-at "\\${") (setq depth (1+ depth)) (forward-char))
       ((and (> depth 0) (eq (char-after) ?})) (setq depth (1- depth)))
       ((eq (char-after) ?\") (if (= depth 0) (setq done t) (setq nested t))))
      (forward-char))
    (when (and done nested)
      (put-text-property (1+ begin) (1- (point)) 'syntax-table (string-to-syntax "."))
      (rrb-mode--fence begin (1- (point))))))

;;; Indentation

(defconst rrb-mode--goes-on
  (concat "\\??\\.[^.]\\|\\?\\?\\||[^|]\\|[+*]\\|[=!<>]=\\|\\(?:and\\|or\\|mod\\|matches\\)\\_>\\|"
          "\\(?:target\\|undo\\|probe\\|keyed\\|idempotent\\|returns\\|because\\)\\_>\\s-*\\(?:[\"{[:alnum:]]\\|$\\)")
  "How a line begins that goes on with the one before it.")

(defun rrb-mode-indent-line ()
  "Indent the line by the brackets that are open where it begins."
  (interactive)
  (let ((target (rrb-mode--indentation)))
    (when target
      (if (<= (current-column) (current-indentation))
          (indent-line-to target)
        (save-excursion (indent-line-to target))))))

(defun rrb-mode--indentation ()
  "The column at which the line is to begin; nil inside of a text."
  (save-excursion
    (back-to-indentation)
    (let* ((base 0) (state (syntax-ppss)) (open (nth 1 state)) (closes (looking-at "[])}]")) (goes-on (looking-at rrb-mode--goes-on)))
      (unless (nth 3 state)
        (when open
          (goto-char open)
          (setq base (+ (current-indentation) (if closes 0 rrb-indent-offset))))
        (+ base (if goes-on rrb-indent-offset 0))))))

;;; Commands

(defun rrb-mode--project ()
  "The folder of `rrb.toml', or this one."
  (or (locate-dominating-file default-directory "rrb.toml") default-directory))

(defun rrb-mode--compile (&rest arguments)
  "Run rrb with ARGUMENTS in the project and show what it prints."
  (let ((default-directory (rrb-mode--project)))
    (compile (mapconcat #'shell-quote-argument (cons rrb-program arguments) " "))))

(defun rrb-mode--name-at-point (pattern)
  "What group 1 of PATTERN is in the last line that it fits, from point backwards."
  (save-excursion
    (end-of-line)
    (if (re-search-backward pattern nil t)
        (match-string-no-properties 1)
      (user-error "There is none here"))))

(defun rrb-check ()
  "Check the project."
  (interactive)
  (rrb-mode--compile "check" "--format" "short"))

(defun rrb-test (&optional all)
  "Play the test at point, or with ALL those of the project."
  (interactive "P")
  (if all
      (rrb-mode--compile "test")
    (rrb-mode--compile "test" "--" (rrb-mode--name-at-point "^\\s-*test\\s-+\"\\(\\(?:\\\\.\\|[^\"\\]\\)*\\)\""))))

(defun rrb-plan (arguments)
  "Show what the runbook at point would do, with ARGUMENTS as on the command line."
  (interactive (list (read-string "Parameters (--NAME VALUE): ")))
  (apply #'rrb-mode--compile "plan"
         (rrb-mode--name-at-point "^\\s-*runbook\\s-+\\([A-Za-z_][A-Za-z0-9_]*\\)")
         (split-string-and-unquote arguments)))

(defvar rrb-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-c") #'rrb-check)
    (define-key map (kbd "C-c C-t") #'rrb-test)
    (define-key map (kbd "C-c C-p") #'rrb-plan)
    map)
  "Keys of `rrb-mode'.")

;;;###autoload
(define-derived-mode rrb-mode prog-mode "rrb"
  "Major mode for remediation runbooks in rrb."
  (setq-local comment-start "// ")
  (setq-local comment-end "")
  (setq-local comment-start-skip "//[/!]?\\s-*")
  (setq-local indent-tabs-mode nil)
  (setq-local tab-width 2)
  (setq-local indent-line-function #'rrb-mode-indent-line)
  (setq-local electric-indent-chars (append "])}" electric-indent-chars))
  (setq-local syntax-propertize-function #'rrb-mode--propertize)
  (setq-local parse-sexp-lookup-properties t)
  (setq-local font-lock-defaults '(rrb-mode--font-lock))
  (setq-local compile-command (concat (shell-quote-argument rrb-program) " check --format short"))
  (setq-local imenu-generic-expression
              '(("Runbooks" "^\\s-*runbook\\s-+\\([A-Za-z_][A-Za-z0-9_]*\\)" 1)
                ("Actions" "^\\s-*\\(?:native\\s-+\\)?action\\s-+\\([A-Za-z_][A-Za-z0-9_]*\\)" 1)
                ("Functions" "^\\s-*fn\\s-+\\([A-Za-z_][A-Za-z0-9_]*\\)" 1)
                ("Types" "^\\s-*\\(?:type\\|enum\\)\\s-+\\([A-Za-z_][A-Za-z0-9_]*\\)" 1)
                ("Events" "^\\s-*event\\s-+\\([A-Za-z_][A-Za-z0-9_]*\\)" 1)
                ("Policies" "^\\s-*policy\\s-+\\([A-Za-z_][A-Za-z0-9_]*\\)" 1)
                ("Tests" "^\\s-*test\\s-+\"\\(.*?\\)\"\\s-*{" 1))))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.rrb\\'" . rrb-mode))

(add-to-list 'compilation-error-regexp-alist-alist
             '(rrb "^\\([^ \n:]+\\):\\([0-9]+\\):\\([0-9]+\\): \\(?:error\\|\\(warning\\)\\)\\[" 1 2 3 (4)))
(add-to-list 'compilation-error-regexp-alist 'rrb)

;;; The language server

(defvar eglot-server-programs)

(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs
               (cons 'rrb-mode (lambda (&rest _) (list rrb-program "lsp")))))

;; A folder with `rrb.toml' is a project, also where there is no version control.
(defun rrb-mode--find-project (folder)
  "The project of FOLDER, when it has an `rrb.toml'."
  (let ((root (and (derived-mode-p 'rrb-mode) (locate-dominating-file folder "rrb.toml"))))
    (and root (cons 'rrb root))))

(cl-defmethod project-root ((project (head rrb)))
  "The folder of PROJECT."
  (cdr project))

(add-hook 'project-find-functions #'rrb-mode--find-project)

(provide 'rrb-mode)
;;; rrb-mode.el ends here
