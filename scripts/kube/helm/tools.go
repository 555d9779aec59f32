//go:build tools

// Package tools names Helm, so that `go mod tidy` keeps what it needs. Built by ../get.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
