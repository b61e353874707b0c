package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

var errHandshake = errors.New("malformed handshake")

// maskGreeting withholds in place what the relay cannot follow, and gives the capabilities that stay.
func maskGreeting(b []byte, encrypts bool) (uint32, error) {
	if len(b) == 0 || b[0] != 10 {
		return 0, fmt.Errorf("%w: not protocol version 10", errHandshake)
	}
	end := bytes.IndexByte(b, 0)
	at := end + 1 + 4 + 8 + 1 // behind version, thread id, scramble and filler
	if end < 0 || len(b) < at+18 {
		return 0, fmt.Errorf("%w: greeting of %d bytes", errHandshake, len(b))
	}
	low, high, extended := b[at:at+2], b[at+5:at+7], b[at+14:at+18]
	caps := uint32(binary.LittleEndian.Uint16(low)) | uint32(binary.LittleEndian.Uint16(high))<<16
	caps &^= withheld
	if !encrypts {
		caps &^= capSSL
	}
	binary.LittleEndian.PutUint16(low, uint16(caps))
	binary.LittleEndian.PutUint16(high, uint16(caps>>16))
	binary.LittleEndian.PutUint32(extended, binary.LittleEndian.Uint32(extended)&offeredExtended)
	return caps, nil
}

// threadID reads the server's id of the connection from a greeting that maskGreeting took.
func threadID(b []byte) uint32 { return le32(b[bytes.IndexByte(b, 0)+1:]) }

// login is what the relay reads of a client's handshake response.
type login struct {
	caps      uint32
	user      string
	schema    string
	collation uint16
	proof     []byte
	plugin    string // method of the proof
}

// parseLogin reads a handshake response. A client that asks for more than it was offered is an error.
func parseLogin(b []byte, offered uint32) (login, error) {
	if len(b) < 32 {
		return login{}, fmt.Errorf("%w: login of %d bytes", errHandshake, len(b))
	}
	l := login{caps: binary.LittleEndian.Uint32(b), collation: uint16(b[8])}
	if l.caps&capProtocol41 == 0 {
		return login{}, fmt.Errorf("%w: client older than protocol 4.1", errHandshake)
	}
	if extra := l.caps & (withheld | capSSL&^offered); extra != 0 {
		return login{}, fmt.Errorf("%w: client uses capabilities %#x that were not offered", errHandshake, extra)
	}
	if extra := binary.LittleEndian.Uint32(b[28:32]) &^ offeredExtended; l.caps&1 == 0 && extra != 0 {
		return login{}, fmt.Errorf("%w: client uses extended capabilities %#x that were not offered", errHandshake, extra)
	}
	l.caps &= offered
	user, proof, rest, ok := splitAuth(b[32:], l.caps)
	if !ok {
		return login{}, fmt.Errorf("%w: login cut short", errHandshake)
	}
	l.user, l.proof, l.plugin = user, proof, pluginNative
	if l.caps&capConnectWithDB != 0 {
		var schema []byte
		schema, rest, _ = bytes.Cut(rest, []byte{0})
		l.schema = string(schema)
	}
	if l.caps&capPluginAuth != 0 {
		name, _, _ := bytes.Cut(rest, []byte{0})
		l.plugin = string(name)
	}
	return l, nil
}

// splitAuth reads the user name and the authentication data.
func splitAuth(b []byte, caps uint32) (user string, proof, rest []byte, ok bool) {
	name, b, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return "", nil, nil, false
	}
	var length uint64
	size := 0
	switch {
	case caps&capAuthLenenc != 0:
		length, size = lenenc(b)
	case caps&capSecureConnection != 0 && len(b) > 0:
		length, size = uint64(b[0]), 1
	default:
		proof, b, ok = bytes.Cut(b, []byte{0})
		return string(name), proof, b, ok
	}
	if size == 0 || length > uint64(len(b)-size) {
		return "", nil, nil, false
	}
	return string(name), b[size : size+int(length)], b[size+int(length):], true
}

// parseChangeUser reads a ComChangeUser.
func parseChangeUser(b []byte, caps uint32) (login, bool) {
	user, _, rest, ok := splitAuth(b, caps&^capAuthLenenc)
	if !ok {
		return login{}, false
	}
	schema, rest, ok := bytes.Cut(rest, []byte{0})
	l := login{caps: caps, user: user, schema: string(schema)}
	if ok && len(rest) >= 2 {
		l.collation = binary.LittleEndian.Uint16(rest)
	}
	return l, true
}
