// Registries for tests, on the loopback device: Debian's docker-registry, and tests/registry/server.py, which
// behaves as badly as the name of a repository says; and vial with data, settings and credentials of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "tests/integration/running_program.h"
#include "tests/integration/vial_fixture.h"

// A self-signed authority and a certificate of 127.0.0.1 (or of `address`) from it.
struct TestCertificates {
  std::string authority;
  std::string certificate;
  std::string key;
};
TestCertificates make_certificates(const std::string& directory, const std::string& address = "IP:127.0.0.1");

// A data root of one test: vial's files, registries.json and config.json are in the test's directory.
class RegistryTest {
 public:
  RegistryTest();
  ~RegistryTest();
  RegistryTest(const RegistryTest&) = delete;
  RegistryTest& operator=(const RegistryTest&) = delete;

  const std::string& directory() const { return vial_.directory(); }
  std::string root() const { return directory() + "/data"; }
  // Retries come soon unless it says otherwise.
  void set(Json settings) const;
  // The authority goes into the directory of certificates, for this host.
  void trust(const std::string& host, const TestCertificates& certificates) const;
  std::string credentials_file() const { return directory() + "/docker/config.json"; }

  Words command_line(const Words& words) const;
  Outcome run(const Words& words, const std::string& input = "") const;
  // Standard output; the test fails unless the command succeeds.
  std::string done(const Words& words, const std::string& input = "") const;
  // Standard error; the test fails unless the command does.
  std::string refused(const Words& words, const std::string& input = "") const;

  // Loads a sample ("busybox") and gives it a name.
  void load_as(const std::string& sample, const std::string& name) const;
  // Nothing is published and nothing under way: no image, no layer, no staging.
  void check_empty() const;

 private:
  Vial vial_;
};

class DockerRegistry {
 public:
  struct Options {
    std::optional<TestCertificates> tls;
    std::string htpasswd;  // "name:password"; empty: everybody may
  };
  explicit DockerRegistry(const std::string& directory) : DockerRegistry(directory, Options()) {}
  DockerRegistry(const std::string& directory, const Options& options);
  const std::string& host() const { return host_; }  // "127.0.0.1:41234"
  // Puts a sample there with skopeo.
  void put(const std::string& sample, const std::string& name) const;
  // Lines like `127.0.0.1 - - [DATE] "GET /v2/ HTTP/2.0" 200 ...`.
  std::vector<std::string> access_log() const;

 private:
  std::string host_;
  std::unique_ptr<RunningProgram> program_;
};

// A server of ours from tests/registry, on loopback, which writes down what it is asked.
class ScriptServer {
 public:
  const std::string& host() const { return host_; }  // "127.0.0.1:41234"
  std::vector<Json> requests() const;                // so far

 protected:
  ScriptServer(const std::string& script, const std::string& directory, const Words& options);

 private:
  std::string host_;
  std::string log_;
  std::unique_ptr<RunningProgram> program_;
};

// A registry that lies, stalls or breaks off, as the options say.
class BadRegistry : public ScriptServer {
 public:
  // A request is {"method", "path", "headers"}.
  explicit BadRegistry(const std::string& directory, const Words& options = {})
      : ScriptServer("server.py", directory, options) {}
};

// tests/registry/proxy.py: an HTTP proxy for https, which takes every name for this machine.
class TestProxy : public ScriptServer {
 public:
  // A request is {"line", "headers"}, names of headers in lower case.
  explicit TestProxy(const std::string& directory, const Words& options = {})
      : ScriptServer("proxy.py", directory, options) {}
};

// Runs a program of the host; the test fails unless it succeeds. Its standard output.
std::string run_tool(const Words& words, const std::string& input = "");
