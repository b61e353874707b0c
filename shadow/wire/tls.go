package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// TLS encrypts both legs of a port. A client that asks for TLS gets it from Server, and its connection to the database is
// then encrypted with Client; a client that does not ask is relayed in plain text on both legs. There is no mixed form:
// it would show a password that was meant for an encrypted leg to the other one.
type TLS struct {
	Server *tls.Config // with the port's certificate; client certificates are not asked for
	Client *tls.Config // how the database's certificate is verified
}

var errTLS = errors.New("no TLS")

const sslRequestSize = 32

// unread gives the bytes that were read ahead before it reads on.
type unread struct {
	net.Conn
	source *source
}

func (u unread) Read(b []byte) (int, error) {
	if u.source.r.Buffered() > 0 {
		return u.source.r.Read(b)
	}
	return u.Conn.Read(b)
}

// checkTLS refuses a port with a certificate before a database without one.
func (c *conn) checkTLS() *Refusal {
	if c.server.cfg.TLS == nil || c.caps&capSSL != 0 {
		return nil
	}
	return &Refusal{Code: 2026, State: "08001", Text: "touchstone: this port has a certificate, but the database behind it offers no TLS; TLS on one leg only is not supported"}
}

// secure encrypts both legs if the client's first packet asks for it.
func (c *conn) secure(ctx context.Context) error {
	h, err := c.client.peekHeader()
	if err != nil || h.length != sslRequestSize {
		return err
	}
	payload, err := c.client.peek(h, sslRequestSize)
	if err != nil {
		return err
	}
	if caps := le32(payload); caps&capSSL == 0 {
		return nil
	} else if extra := caps &^ c.caps & withheld; extra != 0 || c.caps&capSSL == 0 {
		return fmt.Errorf("%w: client uses capabilities %#x that were not offered", errHandshake, extra|capSSL&^c.caps)
	}
	if err := c.client.move(c.toUp, headerSize+sslRequestSize); err != nil {
		return err
	}
	if err := c.toUp.flush(); err != nil {
		return err
	}
	deadline, cancel := context.WithDeadline(ctx, time.Now().Add(c.server.cfg.LoginTimeout))
	defer cancel()
	down := tls.Server(unread{c.socket, c.client}, c.server.cfg.TLS.Server)
	if err := down.HandshakeContext(deadline); err != nil {
		return fmt.Errorf("%w with the client: %w", errTLS, err)
	}
	c.client, c.toDown = newSource(down, c.toUp), newSink(down, true)
	up := tls.Client(c.up.conn, c.server.cfg.TLS.Client)
	if err := up.HandshakeContext(deadline); err != nil {
		_, _ = c.toDown.Write(errPacket(h.seq+1, Refusal{Code: 2026, State: "08001", Text: "touchstone: the database's TLS could not be verified"}, true))
		_ = c.toDown.flush()
		return fmt.Errorf("%w with the database: %w", errTLS, err)
	}
	c.toUp = newSink(up, false)
	c.client.out = c.toUp
	c.up = newSource(up, c.toDown)
	c.encrypted = true
	return nil
}
