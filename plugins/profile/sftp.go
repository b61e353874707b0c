package profile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
)

// Names of the settings. Password and key are secrets: their settings name environment variables.
const (
	settingServer   = "sftp_server" // host:port
	settingUser     = "sftp_user"
	settingHostKey  = "sftp_host_key"        // of the server, as a line of known_hosts or authorized_keys has it: "ssh-ed25519 AAAA…"
	settingPassword = "sftp_password_env"    // one of the two
	settingKey      = "sftp_private_key_env" // PEM
)

const (
	dialTime   = 30 * time.Second
	retryAfter = 30 * time.Minute
)

// Fetch copies the day's file from the SFTP server. A file that is not there is not ready; only a marker that the profile
// names says that a day has none.
func (a *Adapter) Fetch(ctx context.Context, req plugins.FetchRequest, w io.Writer) (plugins.FetchResult, error) {
	k, err := a.kind(req.Kind)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	if k.Path == "" {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnsupported, "the profile has no path for %s: give the file yourself", req.Kind)
	}
	paths := map[*string]string{}
	for _, p := range []*string{&k.Path, &k.Marker, &k.Empty} {
		if paths[p], err = expand(*p, req.Account, req.Date); err != nil {
			return plugins.FetchResult{}, plugins.Fail(plugins.FailureConfig, "%v", err)
		}
	}
	server, err := a.connect(ctx, req.Settings)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	defer server.close()
	if done, err := server.exists(paths[&k.Empty]); err != nil || done {
		return plugins.FetchResult{Status: plugins.FetchEmpty}, err
	}
	if k.Marker != "" {
		if whole, err := server.exists(paths[&k.Marker]); err != nil || !whole {
			return notReady(), err
		}
	}
	return server.copy(paths[&k.Path], w)
}

func notReady() plugins.FetchResult {
	return plugins.FetchResult{Status: plugins.FetchNotReady, RetryAfter: retryAfter}
}

// server is one connection.
type server struct {
	ssh   *ssh.Client
	files *sftp.Client
	stop  func() bool
}

func (s *server) close() {
	s.stop()
	_, _ = s.files.Close(), s.ssh.Close() // it was only read from
}

// connect checks the server's key before anything is sent to it.
func (a *Adapter) connect(ctx context.Context, settings plugins.Settings) (*server, error) {
	address, config, err := a.sshConfig(settings)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTime}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, plugins.Fail(plugins.FailureUnavailable, "connect to %s: %v", address, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	peer, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		stop()
		_ = conn.Close() // the handshake's error is the one to tell
		return nil, refusal(ctx, address, err)
	}
	client := ssh.NewClient(peer, channels, requests)
	files, err := sftp.NewClient(client)
	if err != nil {
		stop()
		_ = client.Close()
		return nil, plugins.Fail(plugins.FailureUnavailable, "open SFTP at %s: %v", address, err)
	}
	return &server{ssh: client, files: files, stop: stop}, nil
}

// errHostKey is a server that is not the configured one.
var errHostKey = errors.New("the server's host key is not the configured one")

// refusal says what a failed handshake asks of the caller.
func refusal(ctx context.Context, address string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errHostKey):
		return plugins.Fail(plugins.FailureForged, "connect to %s: %v", address, errHostKey)
	case strings.Contains(err.Error(), "unable to authenticate"): // the library has no error of its own for it
		return plugins.Fail(plugins.FailureConfig, "log in at %s: user, password or key are refused", address)
	}
	return plugins.Fail(plugins.FailureUnavailable, "connect to %s: %v", address, err)
}

func (a *Adapter) sshConfig(settings plugins.Settings) (string, *ssh.ClientConfig, error) {
	address := settings[settingServer]
	if _, _, err := net.SplitHostPort(address); err != nil {
		return "", nil, plugins.Fail(plugins.FailureConfig, "setting %s is not host:port", settingServer)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(settings[settingHostKey]))
	if err != nil {
		e := plugins.Fail(plugins.FailureConfig, "setting %s is no public key", settingHostKey)
		e.Hint = "ssh-keyscan, and compare its fingerprint with what the bank says"
		return "", nil, e
	}
	auth, err := a.auth(settings)
	if err != nil {
		return "", nil, err
	}
	return address, &ssh.ClientConfig{
		User: settings[settingUser], Auth: auth, Timeout: dialTime, HostKeyAlgorithms: algorithms(key),
		HostKeyCallback: func(_ string, _ net.Addr, got ssh.PublicKey) error {
			if string(got.Marshal()) != string(key.Marshal()) {
				return errHostKey
			}
			return nil
		},
	}, nil
}

// algorithms asks the server for the kind of key that is configured; an RSA key signs in three ways.
func algorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

func (a *Adapter) auth(settings plugins.Settings) ([]ssh.AuthMethod, error) {
	if settings[settingKey] != "" {
		text, err := a.env.Secret(settings, settingKey)
		if err != nil {
			return nil, err
		}
		signer, err := ssh.ParsePrivateKey([]byte(text))
		if err != nil {
			return nil, plugins.Fail(plugins.FailureConfig, "setting %s is no private key", settingKey)
		}
		return []ssh.AuthMethod{ssh.PublicKeys(signer)}, nil
	}
	password, err := a.env.Secret(settings, settingPassword)
	if err != nil {
		return nil, err
	}
	return []ssh.AuthMethod{ssh.Password(password)}, nil
}

// exists tells whether a file is there; "" never is.
func (s *server) exists(path string) (bool, error) {
	if path == "" {
		return false, nil
	}
	_, err := s.files.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, plugins.Fail(plugins.FailureUnavailable, "look for %s: %v", path, err)
	}
	return true, nil
}

// copy reads the file whole. One that is empty, or grows meanwhile, is still being written.
func (s *server) copy(path string, w io.Writer) (plugins.FetchResult, error) {
	f, err := s.files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return notReady(), nil
	}
	if err != nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnavailable, "open %s: %v", path, err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnavailable, "look at %s: %v", path, err)
	}
	if before.Size() == 0 {
		return notReady(), nil
	}
	n, err := channel.Copy(w, f)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	after, err := s.files.Stat(path)
	if err != nil || after.Size() != n || before.Size() != n || !after.ModTime().Equal(before.ModTime()) {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnavailable, "%s changed while it was read (%d bytes came): it is still being written", path, n)
	}
	return plugins.FetchResult{Status: plugins.FetchReady}, nil
}
