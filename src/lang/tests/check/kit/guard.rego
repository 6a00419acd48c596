package rrb

deny contains "not on a Friday" if {
	input.call.effect == "destroys"
	input.run.params.friday
}
