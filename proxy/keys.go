package proxy

// Keys of log lines.
const (
	keyWhere  = "where"
	keyReason = "reason"
)

// Where a panic was recovered: labels of touchstone_panics_total.
const (
	whereAdmit   = "admit"
	whereForward = "forward"
	whereSettle  = "settle"
	whereMirror  = "mirror"
	wherePublish = "publish"
	whereNotice  = "notice"
	whereTrace   = "trace"
)

// routeOther is the label of requests that no route names.
const routeOther = "other"
