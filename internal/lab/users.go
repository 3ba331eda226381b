package lab

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// The people that every lab's API server knows.
const (
	Admin      = "admin"      // may do everything; the control plane itself speaks as Admin
	Greenwatch = "greenwatch" // service account greenwatch in namespace greenwatch
	Alice      = "alice"      // in group oncall
	Bob        = "bob"        // in no group, bound to nothing
)

// User is one more person, or service account, that the API server shall know.
type User struct {
	Key    string   // what Kubeconfig and RESTConfig call the user
	Name   string   // what the API server calls the user
	Groups []string // system:authenticated is added by the API server
}

// ServiceAccount is a user with the identity of a service account.
func ServiceAccount(key, namespace, name string) User {
	return User{
		Key:    key,
		Name:   "system:serviceaccount:" + namespace + ":" + name,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace},
	}
}

func everyone(more []User) []User {
	return append([]User{
		{Key: Admin, Name: "admin", Groups: []string{"system:masters"}},
		ServiceAccount(Greenwatch, "greenwatch", "greenwatch"),
		{Key: Alice, Name: "alice", Groups: []string{"oncall"}},
		{Key: Bob, Name: "bob"},
	}, more...)
}

// newTokens gives each user a token, by key.
func newTokens(users []User) map[string]string {
	tokens := map[string]string{}
	for _, u := range users {
		tokens[u.Key] = "lab-" + strings.ToLower(rand.Text())
	}
	return tokens
}

// tokenFile is the API server's list of who has which token.
func tokenFile(users []User, tokens map[string]string) []byte {
	var file strings.Builder
	for _, u := range users {
		fmt.Fprintf(&file, "%s,%s,%s", tokens[u.Key], u.Name, u.Key)
		if len(u.Groups) > 0 { // an empty column would be a group without a name
			fmt.Fprintf(&file, ",%q", strings.Join(u.Groups, ","))
		}
		file.WriteByte('\n')
	}
	return []byte(file.String())
}

// Kubeconfig is the path of a kubeconfig with which the user talks to the lab's API server.
func (l *Lab) Kubeconfig(user string) (string, error) {
	return l.KubeconfigVia(user, l.apiURL, l.authority.caPEM)
}

// KubeconfigVia is the path of a kubeconfig with which the user talks to a server that stands
// before the API server, such as a proxy that fails on purpose. Without a CA, in PEM, the
// server's certificate is not verified.
func (l *Lab) KubeconfigVia(user, serverURL string, ca []byte) (string, error) {
	token, ok := l.tokens[user]
	if !ok {
		return "", fmt.Errorf("write a kubeconfig for %q: no such user in this lab", user)
	}
	file, err := os.CreateTemp(l.kubeconfigs(), user+"-*.yaml")
	if err != nil {
		return "", fmt.Errorf("write a kubeconfig for %s: %w", user, err)
	}
	defer file.Close()
	if err := clientcmd.WriteToFile(kubeconfig(user, token, serverURL, ca), file.Name()); err != nil {
		return "", fmt.Errorf("write a kubeconfig for %s: %w", user, err)
	}
	return file.Name(), nil
}

func (l *Lab) kubeconfigs() string { return filepath.Join(l.dir, "kubeconfigs") }

func kubeconfig(user, token, serverURL string, ca []byte) clientcmdapi.Config {
	return clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"lab": {
			Server:                   serverURL,
			CertificateAuthorityData: ca,
			InsecureSkipTLSVerify:    len(ca) == 0 && strings.HasPrefix(serverURL, "https:"),
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{user: {Token: token}},
		Contexts:       map[string]*clientcmdapi.Context{"lab": {Cluster: "lab", AuthInfo: user}},
		CurrentContext: "lab",
	}
}

// RESTConfig is a client's configuration with which the user talks to the lab's API server,
// without a limit of its own on requests. For a user that the lab does not know, the API
// server will refuse every request.
func (l *Lab) RESTConfig(user string) *rest.Config {
	return &rest.Config{
		Host:            l.apiURL,
		BearerToken:     l.tokens[user],
		TLSClientConfig: rest.TLSClientConfig{CAData: l.authority.caPEM},
		QPS:             -1,
	}
}
