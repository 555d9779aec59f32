//go:build tools

// Package tools names wireguard-go, so that `go mod tidy` keeps what it needs. Built by ../wireguard.ts.
package tools

import _ "golang.zx2c4.com/wireguard"
