package payservice

import (
	"bytes"
	"context"
	"crypto/rand"
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
	req.Header.Set("Authorization", c.authorization())
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

// authorization has a new nonce and time on every call, as a signed call has; the demo's channel takes any signature
// on payments.
func (c *channelClient) authorization() string {
	return fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",timestamp="%s",serial_no="0",signature="%s"`,
		c.account, rand.Text(), strconv.FormatInt(time.Now().Unix(), 10), rand.Text())
}
