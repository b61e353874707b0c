#!/bin/sh
# Regenerates the Go code of adapter.proto with tools of exact versions, installed for this run only.
# Needs protoc (Debian: apt-get install -y protobuf-compiler) and Go.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
# protoc-gen-go comes from the module's own google.golang.org/protobuf; the gRPC generator is a module of its own.
GOBIN=$bin go install google.golang.org/protobuf/cmd/protoc-gen-go
GOBIN=$bin go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
PATH=$bin:$PATH protoc --go_out=. --go_opt=paths=source_relative \
	--go-grpc_out=. --go-grpc_opt=paths=source_relative adapter.proto
