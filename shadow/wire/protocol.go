package wire

// Capability flags of the handshake that the relay reads or withholds.
const (
	capCompress         = 1 << 5
	capConnectWithDB    = 1 << 3
	capProtocol41       = 1 << 9
	capSSL              = 1 << 11
	capSecureConnection = 1 << 15
	capMultiStatements  = 1 << 16
	capPluginAuth       = 1 << 19
	capConnectAttrs     = 1 << 20
	capAuthLenenc       = 1 << 21
	capSessionTrack     = 1 << 23
	capDeprecateEOF     = 1 << 24
	capOptionalMetadata = 1 << 25
	capZstd             = 1 << 26
	capQueryAttributes  = 1 << 27
	capProgress         = 1 << 29
)

// withheld are the capabilities a client is never offered, because the relay could not follow the bytes. TLS is withheld
// too where the port has no certificate.
const withheld uint32 = capCompress | capOptionalMetadata | capZstd | capProgress

// offeredExtended are the MariaDB extended capabilities that are passed on: bulk execution and extended column metadata.
const offeredExtended uint32 = 1<<2 | 1<<3

// Status flags of OK and EOF packets.
const (
	StatusInTrans            uint16 = 0x0001
	StatusAutocommit         uint16 = 0x0002
	StatusMoreResults        uint16 = 0x0008
	StatusCursorExists       uint16 = 0x0040
	StatusNoBackslashEscapes uint16 = 0x0200
)

// Command codes. ComLogin stands for the handshake response, which has no code of its own.
const (
	ComQuit            byte = 0x01
	ComInitDB          byte = 0x02
	ComQuery           byte = 0x03
	ComFieldList       byte = 0x04
	ComCreateDB        byte = 0x05
	ComDropDB          byte = 0x06
	ComRefresh         byte = 0x07
	ComShutdown        byte = 0x08
	ComStatistics      byte = 0x09
	ComProcessInfo     byte = 0x0a
	ComLogin           byte = 0x0b // never sent by a client as a command
	ComProcessKill     byte = 0x0c
	ComDebug           byte = 0x0d
	ComPing            byte = 0x0e
	ComChangeUser      byte = 0x11
	ComStmtPrepare     byte = 0x16
	ComStmtExecute     byte = 0x17
	ComStmtSendLong    byte = 0x18
	ComStmtClose       byte = 0x19
	ComStmtReset       byte = 0x1a
	ComSetOption       byte = 0x1b
	ComStmtFetch       byte = 0x1c
	ComResetConnection byte = 0x1f
	ComStmtBulkExecute byte = 0xfa // MariaDB
)

// LastPrepared is the statement id by which MariaDB clients mean the statement prepared last.
const LastPrepared uint32 = 0xffffffff

// Marks at the start of a server packet.
const (
	markOK       byte = 0x00
	markInfile   byte = 0xfb
	markEOF      byte = 0xfe
	markErr      byte = 0xff
	maxPacket         = 1<<24 - 1
	headerSize        = 4
	maxGreeting       = 1 << 14
	maxHandshake      = 1 << 16
	answerPrefix      = 64      // bytes of a server packet that are looked at
	okPrefix          = 4 << 10 // of one that may tell of changes in the session
)

// silent tells whether the server sends no answer to a command.
func silent(code byte) bool {
	return code == ComQuit || code == ComStmtClose || code == ComStmtSendLong
}

// Known tells whether the relay can follow the answer to a client's command.
func Known(code byte) bool { return known(code) }

// known tells whether the relay knows the shape of the answer to a client's command.
func known(code byte) bool {
	_, ok := answerShape(code)
	return ok || silent(code)
}
