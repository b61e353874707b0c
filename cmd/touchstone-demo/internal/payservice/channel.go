package payservice

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// channelClient speaks WeChat Pay's v3 API, as far as the service uses it.
type channelClient struct {
	base    string
	account string
	key     *rsa.PrivateKey
	http    *http.Client
}

type fenAmount struct {
	Total    int64  `json:"total"`
	Refund   int64  `json:"refund,omitempty"`
	Currency string `json:"currency"`
}

// pay charges a payment code and gives the channel's transaction id.
func (c *channelClient) pay(ctx context.Context, tag, order string, amount recon.Money) (string, error) {
	var out struct {
		TransactionID string `json:"transaction_id"`
	}
	err := c.post(ctx, tag, "/v3/pay/transactions/codepay", map[string]any{
		"appid": "wx0000000000000000", "mchid": c.account, "description": "demo goods", "out_trade_no": order,
		"payer": map[string]string{"auth_code": "130000000000000000"}, "amount": fenAmount{Total: amount.Minor, Currency: string(amount.Currency)},
	}, &out)
	return out.TransactionID, err
}

// refund gives money back and returns the channel's refund id.
func (c *channelClient) refund(ctx context.Context, tag, order, refund string, amount, total recon.Money) (string, error) {
	var out struct {
		RefundID string `json:"refund_id"`
	}
	err := c.post(ctx, tag, "/v3/refund/domestic/refunds", map[string]any{
		"out_trade_no": order, "out_refund_no": refund,
		"amount": fenAmount{Total: total.Minor, Refund: amount.Minor, Currency: string(amount.Currency)},
	}, &out)
	return out.RefundID, err
}

func (c *channelClient) post(ctx context.Context, tag, path string, body, into any) error {
	payload, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode channel request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("make channel request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	authorization, err := c.authorization(req.Method, path, payload)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", authorization)
	if tag != "" {
		req.Header.Set(shadow.HeaderTag, tag)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("call channel: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read channel answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("channel answered %d to %s", res.StatusCode, path)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("decode channel answer: %w", err)
	}
	return nil
}

// authorization signs a request as WeChat's API v3 asks; nonce, time and signature differ on every call.
func (c *channelClient) authorization(method, path string, body []byte) (string, error) {
	stamp, nonce := strconv.FormatInt(time.Now().Unix(), 10), rand.Text()
	digest := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s\n", method, path, stamp, nonce, body))
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign channel request: %w", err)
	}
	return fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",timestamp="%s",serial_no="DEMO0001",signature="%s"`,
		c.account, nonce, stamp, base64.StdEncoding.EncodeToString(signature)), nil
}
