// Who the user is at a registry: ~/.docker/config.json (auths, credsStore, credHelpers) and the programs
// docker-credential-NAME that keep secrets elsewhere. Formats: `docker login` manual page and
// github.com/docker/docker-credential-helpers (protocol). Secrets never appear in an error or a command line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace image::registry {

struct Credentials {
  std::string user;
  std::string password;
  std::string identity_token;  // of an OAuth2 server, in place of a password
};

// The key of a domain in auths and for helpers: "https://index.docker.io/v1/" for docker.io, else itself.
std::string credentials_key(std::string_view domain);

class CredentialFile {
 public:
  // $DOCKER_CONFIG/config.json, else ~/.docker/config.json; no file is an empty one. Errors: kSystem,
  // kCorrupt, kInvalid.
  static Result<CredentialFile> open();
  static Result<CredentialFile> parse(std::string path, std::string_view text);

  // What is known for DOMAIN/PATH, by the helper that is responsible or from the file; then podman's file
  // (${XDG_RUNTIME_DIR}/containers/auth.json). Runs a program. Errors: kInvalid for what the file or the
  // helper says wrongly.
  Result<std::optional<Credentials>> find(std::string_view domain, std::string_view path) const;
  // Stores by the helper that is responsible, else in the file (0600). Returns true when it is the file,
  // where the secret is not encrypted. Errors: kSystem, kInvalid when the helper refuses.
  Result<bool> store(std::string_view domain, const Credentials& credentials);
  // False when there were none.
  Result<bool> erase(std::string_view domain);

  const std::string& path() const { return path_; }

 private:
  CredentialFile(std::string path, Json document) : path_(std::move(path)), document_(std::move(document)) {}
  // "docker-credential-X" or empty.
  Result<std::string> helper_for(const std::string& key) const;
  Result<void> save() const;

  std::string path_;
  Json document_;
};

// One entry of auths. nullopt when it holds no secret (a helper does). Errors: kInvalid. Pure.
Result<std::optional<Credentials>> read_auth(const JsonView& entry);
// The entry of `auths` for DOMAIN/PATH: the longest prefix of the path that has one, written with or without
// scheme and API path ("https://host/v1/"). nullopt: none. Pure.
std::optional<std::string> find_auth_key(const std::vector<std::string>& keys, std::string_view domain,
                                         std::string_view path);

}  // namespace image::registry
