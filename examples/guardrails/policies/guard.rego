package guardrails

# Services that only their owners touch.
protected := {"ledger", "payments"}

deny contains msg if {
	input.call.effect in {"changes", "destroys"}
	input.run.params.service in protected
	msg := sprintf("%s is released by its own pipeline", [input.run.params.service])
}
