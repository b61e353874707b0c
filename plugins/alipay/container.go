package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
)

const (
	zipMagic   = "PK\x03\x04"
	maxEntries = 64
	firstLine  = 256 // bytes that tell which file it is
)

// container is a bill as it came: a zip of details and their summary, or the details alone.
type container struct {
	details io.Reader
	summary io.Reader // nil: there was none
	name    string    // of the details, "" outside of a zip
	done    func()
}

// openContainer chooses the two files by their first lines: their names are GBK without a mark, differ between bills, and
// either may come first. title is what the details begin with.
func openContainer(r io.Reader, title string) (*container, error) {
	in := bufio.NewReaderSize(r, channel.Buffer)
	magic, err := in.Peek(len(zipMagic))
	if err != nil && err != io.EOF {
		return nil, err
	}
	if string(magic) != zipMagic {
		return &container{details: channel.Bounded(in, channel.MaxBody), done: func() {}}, nil
	}
	f, size, done, err := channel.Spool(in)
	if err != nil {
		return nil, err
	}
	c, err := openZip(f, size, title)
	if err != nil {
		done()
		return nil, err
	}
	c.done = done
	return c, nil
}

func openZip(f *os.File, size int64, title string) (*container, error) {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return nil, channel.Corrupt(err)
	}
	if len(z.File) > maxEntries {
		return nil, plugins.Fail(plugins.FailureQuarantine, "zip of %d files", len(z.File))
	}
	c := &container{}
	var others []string
	for _, entry := range z.File {
		body, first, err := openEntry(entry)
		if err != nil {
			return nil, err
		}
		switch {
		case strings.HasPrefix(first, "#"+title+"明细查询") && c.details == nil:
			c.details, c.name = body, decodeText([]byte(entry.Name))
		case strings.HasPrefix(first, "#"+title+"汇总查询") && c.summary == nil:
			c.summary = body
		default:
			others = append(others, decodeText([]byte(entry.Name)))
		}
	}
	if c.details == nil {
		return nil, plugins.Fail(plugins.FailureQuarantine, "zip has no file that begins with #%s明细查询 (it has %s)", title, strings.Join(others, ", "))
	}
	if len(others) > 0 {
		return nil, plugins.Fail(plugins.FailureQuarantine, "zip has files nobody knows: %s", strings.Join(others, ", "))
	}
	return c, nil
}

// openEntry gives an entry's bytes, and its first line as text. The name of an entry is never a path to write to.
func openEntry(entry *zip.File) (io.Reader, string, error) {
	opened, err := entry.Open()
	if err != nil {
		return nil, "", channel.Corrupt(err)
	}
	body := bufio.NewReaderSize(channel.Bounded(opened, channel.MaxBody), channel.Buffer)
	head, err := body.Peek(firstLine)
	if err != nil && err != io.EOF {
		return nil, "", err
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return body, strings.TrimSpace(decodeText(line)), nil
}

// decodeText reads a short text in GB18030, or in UTF-8 where it is that.
func decodeText(raw []byte) string {
	raw = bytes.TrimPrefix(raw, []byte("\uFEFF"))
	if utf8.Valid(raw) {
		return string(raw)
	}
	text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(raw)
	if err != nil {
		return strings.ToValidUTF8(string(raw), "\uFFFD")
	}
	return string(text)
}
