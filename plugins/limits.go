package plugins

// Bounds of the wire. Both sides keep them; what exceeds them breaks the contract.
const (
	MaxBatch       = 4096     // records in a batch
	MaxChunk       = 1 << 20  // bytes of a statement in one message
	MaxMessage     = 16 << 20 // bytes of any message
	MaxText        = 64 << 10 // bytes of one text of a record
	MaxEvent       = 1 << 20  // bytes of a callback's body
	MaxValue       = 256      // bytes of a rejected or remarked value; longer ones are cut
	MaxDiagnostics = 100      // remarks about one file; further ones are dropped

	batchBytes  = 4 << 20 // a batch is sent when its texts reach this, so it stays far below MaxMessage
	rejectBatch = 512
	inputBuffer = 256 << 10
)
