package channelsim

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// SFTP is a bank's file server: one folder, one user, one password. It listens on loopback until Close.
type SFTP struct {
	Address string // host:port
	HostKey string // as authorized_keys has it

	listener net.Listener
	config   *ssh.ServerConfig
	folder   string
	wait     sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

// NewSFTP serves a folder, read-only.
func NewSFTP(folder, user, password string) (*SFTP, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make host key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, fmt.Errorf("make host key: %w", err)
	}
	s := &SFTP{folder: folder, conns: map[net.Conn]bool{}, HostKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))}
	s.config = &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, got []byte) (*ssh.Permissions, error) {
		if c.User() != user || string(got) != password {
			return nil, errors.New("wrong user or password")
		}
		return nil, nil
	}}
	s.config.AddHostKey(signer)
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.Address = s.listener.Addr().String()
	s.wait.Go(s.accept)
	return s, nil
}

// Close ends the server and its connections.
func (s *SFTP) Close() {
	_ = s.listener.Close() // it ends accept
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
}

func (s *SFTP) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.mu.Unlock()
		s.wait.Go(func() { s.serve(conn) })
	}
}

func (s *SFTP) serve(conn net.Conn) {
	defer conn.Close()
	peer, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	defer peer.Close()
	go ssh.DiscardRequests(requests)
	for ask := range channels {
		if ask.ChannelType() != "session" {
			_ = ask.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := ask.Accept()
		if err != nil {
			return
		}
		s.wait.Go(func() { s.session(channel, requests) })
	}
}

func (s *SFTP) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for r := range requests {
		ok := r.Type == "subsystem" && len(r.Payload) > 4 && string(r.Payload[4:]) == "sftp"
		_ = r.Reply(ok, nil)
		if !ok {
			continue
		}
		server, err := sftp.NewServer(channel, sftp.ReadOnly(), sftp.WithServerWorkingDirectory(s.folder))
		if err != nil {
			return
		}
		if err := server.Serve(); err != nil && !errors.Is(err, io.EOF) {
			return
		}
		return
	}
}
