//! Diagnostics for a client that asks for them.

use std::collections::{BTreeMap, BTreeSet};

use tower_lsp::ls_types::{
    Diagnostic, DocumentDiagnosticReport, DocumentDiagnosticReportResult, FullDocumentDiagnosticReport,
    PreviousResultId, RelatedFullDocumentDiagnosticReport, RelatedUnchangedDocumentDiagnosticReport,
    UnchangedDocumentDiagnosticReport, Uri, WorkspaceDiagnosticReport, WorkspaceDiagnosticReportResult,
    WorkspaceDocumentDiagnosticReport as Report, WorkspaceFullDocumentDiagnosticReport,
    WorkspaceUnchangedDocumentDiagnosticReport,
};

use crate::server::diagnostics;
use crate::server::key::Key;
use crate::server::world::Snapshot;

/// What is wrong with one document, unless the client knows already.
pub fn document(snapshot: &Snapshot, key: &Key, previous: Option<String>) -> DocumentDiagnosticReportResult {
    let items = snapshot.view(key).map(|view| diagnostics::of(view, &snapshot.client, key)).unwrap_or_default();
    let result_id = diagnostics::result_id(&items);
    let report = if previous.as_ref() == Some(&result_id) {
        DocumentDiagnosticReport::Unchanged(RelatedUnchangedDocumentDiagnosticReport {
            related_documents: None,
            unchanged_document_diagnostic_report: UnchangedDocumentDiagnosticReport { result_id },
        })
    } else {
        DocumentDiagnosticReport::Full(RelatedFullDocumentDiagnosticReport {
            related_documents: None,
            full_document_diagnostic_report: FullDocumentDiagnosticReport { result_id: Some(result_id), items },
        })
    };
    DocumentDiagnosticReportResult::Report(report)
}

/// What is wrong with every document of every project. Documents with which nothing is wrong are named only where the client
/// believes otherwise.
pub fn workspace(snapshot: &Snapshot, previous: Vec<PreviousResultId>) -> WorkspaceDiagnosticReportResult {
    let client = &snapshot.client;
    let mut known: BTreeMap<Key, (Uri, String)> =
        previous.into_iter().map(|p| (client.key(&p.uri), (p.uri, p.value))).collect();
    let mut items = Vec::new();
    let mut seen: BTreeSet<Key> = BTreeSet::new();
    for view in snapshot.views.values() {
        for key in view.documents() {
            let elsewhere = snapshot.documents.get(&key).is_some_and(|d| d.project != view.place.id());
            if elsewhere || !seen.insert(key.clone()) {
                continue;
            }
            let diagnostics = diagnostics::of(view, client, &key);
            let known = known.remove(&key);
            if !diagnostics.is_empty() || known.is_some() {
                items.extend(one(snapshot, &key, diagnostics, known));
            }
        }
    }
    for (key, (uri, value)) in known {
        items.extend(one(snapshot, &key, vec![], Some((uri, value))));
    }
    WorkspaceDiagnosticReportResult::Report(WorkspaceDiagnosticReport { items })
}

fn one(snapshot: &Snapshot, key: &Key, items: Vec<Diagnostic>, known: Option<(Uri, String)>) -> Option<Report> {
    let document = snapshot.documents.get(key);
    let version = document.map(|d| i64::from(d.version));
    let result_id = diagnostics::result_id(&items);
    let (at, value) = known.unzip();
    let uri = document.map(|d| d.uri.clone()).or(at).or_else(|| snapshot.client.uri(key))?;
    Some(if value.as_ref() == Some(&result_id) {
        let report = UnchangedDocumentDiagnosticReport { result_id };
        Report::Unchanged(WorkspaceUnchangedDocumentDiagnosticReport {
            uri,
            version,
            unchanged_document_diagnostic_report: report,
        })
    } else {
        let report = FullDocumentDiagnosticReport { result_id: Some(result_id), items };
        Report::Full(WorkspaceFullDocumentDiagnosticReport { uri, version, full_document_diagnostic_report: report })
    })
}
