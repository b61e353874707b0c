// Package envoy drives a real Envoy by the control plane: make test-envoy. Its tests have the build tag envoy, since they
// need its binary.
package envoy
