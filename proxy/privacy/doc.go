// Package privacy takes card numbers, identity numbers, phone numbers and credentials out of what is stored or logged, and
// leaves in their place tokens that are equal when they were and differ when they did.
//
// In:    bytes of messages, and a key of the deployment.
// Out:   the same with tokens such as <pan:5f0c2a91b3d4>.
// Never: a masked value that can be computed without the key, two different values under one token.
package privacy
