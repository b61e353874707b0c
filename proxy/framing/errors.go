package framing

import "net/http"

// Error is one reason to refuse a message.
type Error struct {
	Reason string // a closed set: the label of a metric
	Text   string // for the peer
	Status int    // of the answer to a refused request
}

// Error gives the text.
func (e *Error) Error() string { return e.Text }

func refuse(status int, reason, text string) *Error {
	return &Error{Reason: reason, Text: text, Status: status}
}

// MaxFields is the number of fields a head may have.
const MaxFields = 128

// Reasons to refuse a message.
var (
	ErrBareLF        error = refuse(http.StatusBadRequest, "bare-lf", "a line does not end with CR LF")
	ErrRequestLine   error = refuse(http.StatusBadRequest, "request-line", "the request line is not METHOD SP target SP HTTP/1.1")
	ErrStatusLine    error = refuse(http.StatusBadRequest, "status-line", "the status line is not HTTP/1.1 SP code SP reason")
	ErrVersion       error = refuse(http.StatusHTTPVersionNotSupported, "version", "the version is neither HTTP/1.1 nor HTTP/1.0")
	ErrMethod        error = refuse(http.StatusNotImplemented, "method", "CONNECT is not for a service")
	ErrFold          error = refuse(http.StatusBadRequest, "folded-field", "a field goes on in the next line")
	ErrFieldName     error = refuse(http.StatusBadRequest, "field-name", "a field name is not a token followed by a colon")
	ErrFieldValue    error = refuse(http.StatusBadRequest, "field-value", "a field value holds a control character")
	ErrTooManyFields error = refuse(http.StatusRequestHeaderFieldsTooLarge, "too-many-fields", "the head has too many fields")
	ErrTooLong       error = refuse(http.StatusRequestHeaderFieldsTooLarge, "head-too-long", "the head is too long")
	ErrHost          error = refuse(http.StatusBadRequest, "host", "there is not exactly one valid Host")
	ErrLength        error = refuse(http.StatusBadRequest, "content-length", "Content-Length is not one number")
	ErrEncoding      error = refuse(http.StatusBadRequest, "transfer-encoding", "Transfer-Encoding is not chunked, once")
	ErrBothLengths   error = refuse(http.StatusBadRequest, "both-lengths", "Transfer-Encoding stands beside Content-Length, or in HTTP/1.0")
	ErrChunk         error = refuse(http.StatusBadRequest, "chunk", "a chunk is not hexadecimal size CR LF data CR LF")
	ErrChunkExt      error = refuse(http.StatusBadRequest, "chunk-extension", "a chunk has an extension")
	ErrTrailer       error = refuse(http.StatusBadRequest, "trailer", "the trailer is not made of fields, or says how long the message is")
)
