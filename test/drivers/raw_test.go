package drivers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// Command codes that raw clients send.
const (
	comQuery   = 0x03
	comChange  = 0x11
	comExecute = 0x17
)

// Capabilities of a raw client: protocol 4.1, schema, local files, multiple statements and results, secure login, plugin.
const rawCaps = 1 | 1<<3 | 1<<7 | 1<<9 | 1<<15 | 1<<16 | 1<<17 | 1<<19

// packet gives the bytes of one packet.
func packet(seq byte, body string) string {
	return string([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), seq}) + body
}

func command(code byte, text string) string { return packet(0, string([]byte{code})+text) }

// lying gives a command whose header promises length bytes.
func lying(length int, code byte, text string) string {
	return string([]byte{byte(length), byte(length >> 8), byte(length >> 16), 0, code}) + text
}

// raw is a client that writes what it is told.
type raw struct {
	t    *testing.T
	conn *net.TCPConn
}

func dialRaw(t *testing.T, addr string) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &raw{t, conn.(*net.TCPConn)}
}

// login reads the greeting and logs in as root.
func (c *raw) login() {
	c.t.Helper()
	if _, err := c.read(); err != nil {
		c.t.Fatal(err)
	}
	body := binary.LittleEndian.AppendUint32(nil, rawCaps)
	body = append(binary.LittleEndian.AppendUint32(body, 64<<20), 45)
	body = append(body, make([]byte, 23)...)
	c.write(packet(1, string(body)+"root\x00\x00shop\x00mysql_native_password\x00"))
	if b, err := c.read(); err != nil || b[0] != 0 {
		c.t.Fatalf("login: %q %v", b, err)
	}
}

func (c *raw) write(b string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, b); err != nil {
		c.t.Fatal(err)
	}
}

// read gives the payload of one packet.
func (c *raw) read() ([]byte, error) {
	var h [4]byte
	if _, err := io.ReadFull(c.conn, h[:]); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	b := make([]byte, int(h[0])|int(h[1])<<8|int(h[2])<<16)
	if _, err := io.ReadFull(c.conn, b); err != nil {
		return nil, fmt.Errorf("read packet: %w", err)
	}
	return b, nil
}

// ended waits until the other side has closed, whatever it says before.
func (c *raw) ended() {
	c.t.Helper()
	var timeout net.Error
	if _, err := io.Copy(io.Discard, c.conn); err != nil && errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatal("the connection did not end")
	}
}
