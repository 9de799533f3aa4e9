#include "tests/integration/registry_fixture.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"

namespace {

constexpr int kReadySeconds = 15;

void set_variable(const char* name, const std::string& value) {
  REQUIRE(::setenv(name, value.c_str(), 1) == 0);  // NOLINT(concurrency-mt-unsafe): one thread
}

std::string fresh_directory(const std::string& parent, const std::string& name) {
  static int count = 0;
  std::string path = parent + "/" + name + "-" + std::to_string(++count);
  REQUIRE(make_directories(path));
  return path;
}

}  // namespace

RegistryTest::RegistryTest() {
  set_variable("VIAL_REGISTRIES", directory() + "/registries.json");
  set_variable("DOCKER_CONFIG", directory() + "/docker");
  ::unsetenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe): one thread
  set(Json::object());
}

RegistryTest::~RegistryTest() {
  ::unsetenv("VIAL_REGISTRIES");  // NOLINT(concurrency-mt-unsafe): one thread
  ::unsetenv("DOCKER_CONFIG");    // NOLINT(concurrency-mt-unsafe): one thread
}

void RegistryTest::set(Json settings) const {
  if (!settings.contains("timeouts"))
    settings["timeouts"] = {{"connect", "10s"}, {"stall", "20s"}, {"retry", "50ms"}};
  if (!settings.contains("certificates")) settings["certificates"] = {directory() + "/certs"};
  REQUIRE(replace_file(directory() + "/registries.json", dump_json(settings)));
}

void RegistryTest::trust(const std::string& host, const TestCertificates& certificates) const {
  const std::string path = directory() + "/certs/" + host;
  REQUIRE(make_directories(path));
  REQUIRE(create_file(path + "/ca.crt", read_file(certificates.authority).value()));
}

Words RegistryTest::command_line(const Words& words) const {
  Words line = {program("vial"), "--root", root(), "--run-root", directory() + "/run"};
  line.insert(line.end(), words.begin(), words.end());
  return line;
}

Outcome RegistryTest::run(const Words& words, const std::string& input) const {
  const auto output = run_command(command_line(words), input);
  REQUIRE(output);
  return {output->status.shell_code(), output->out, output->err};
}

std::string RegistryTest::done(const Words& words, const std::string& input) const {
  const Outcome outcome = run(words, input);
  INFO(shell_words(words) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.code == 0);
  return outcome.out;
}

std::string RegistryTest::refused(const Words& words, const std::string& input) const {
  const Outcome outcome = run(words, input);
  INFO(shell_words(words) << "\n" << outcome.out << outcome.err);
  REQUIRE(outcome.code != 0);
  return outcome.err;
}

void RegistryTest::load_as(const std::string& sample, const std::string& name) const {
  done({"load", "-i", sample_archive(sample)});
  done({"tag", sample, name});
}

void RegistryTest::check_empty() const {
  CHECK(done({"images", "-q"}).empty());
  for (const char* place : {"/layers", "/staging", "/tags", "/blobs/sha256"}) {
    INFO(place);
    CHECK(list_directory(root() + place).value_or({}).empty());
  }
}

std::string run_tool(const Words& words, const std::string& input) {
  const auto output = run_command(words, input);
  REQUIRE(output);
  INFO(shell_words(words) << "\n" << output->out << output->err);
  REQUIRE(output->status.shell_code() == 0);
  return output->out;
}

TestCertificates make_certificates(const std::string& directory, const std::string& address) {
  const std::string path = fresh_directory(directory, "certificates");
  const std::string extensions = path + "/extensions";
  REQUIRE(create_file(extensions, "subjectAltName=" + address + "\n"));
  const std::string ca = path + "/ca";
  run_tool({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=Test Authority", "-keyout", ca + ".key", "-out", ca + ".crt"});
  run_tool({"openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=test", "-keyout", path + "/key", "-out", path + "/request"});
  run_tool({"openssl", "x509", "-req", "-in", path + "/request", "-CA", ca + ".crt", "-CAkey", ca + ".key",
            "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", path + "/certificate"});
  return {ca + ".crt", path + "/certificate", path + "/key"};
}

DockerRegistry::DockerRegistry(const std::string& directory, const Options& options) {
  const std::string path = fresh_directory(directory, "registry");
  Json config = {
      {"version", "0.1"},
      {"log", {{"level", "info"}}},
      {"storage", {{"filesystem", {{"rootdirectory", path + "/data"}}}, {"delete", {{"enabled", true}}}}},
      {"http", {{"addr", "127.0.0.1:0"}}}};
  if (options.tls) {
    config["http"]["tls"] = {{"certificate", options.tls->certificate}, {"key", options.tls->key}};
  }
  if (!options.htpasswd.empty()) {
    const size_t colon = options.htpasswd.find(':');
    const std::string line = run_tool(
        {"htpasswd", "-nbBC", "4", options.htpasswd.substr(0, colon), options.htpasswd.substr(colon + 1)});
    REQUIRE(create_file(path + "/htpasswd", line));
    config["auth"] = {{"htpasswd", {{"realm", "test registry"}, {"path", path + "/htpasswd"}}}};
  }
  REQUIRE(create_file(path + "/config.yml", dump_json(config)));  // JSON is YAML
  program_ = std::make_unique<RunningProgram>(
      Words{"/usr/bin/docker-registry", "serve", path + "/config.yml"}, path);
  const std::string said = "listening on ";
  REQUIRE(within(kReadySeconds, [&] { return contains(program_->err(), said); }));
  const std::string log = program_->err();
  const size_t start = log.find(said) + said.size();
  host_ = log.substr(start, log.find_first_not_of("0123456789.:", start) - start);
}

void DockerRegistry::put(const std::string& sample, const std::string& name) const {
  run_tool({"skopeo", "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false",
            "docker-archive:" + sample_archive(sample), "docker://" + host_ + "/" + name});
}

std::vector<std::string> DockerRegistry::access_log() const {
  std::vector<std::string> lines;
  for (auto& line : split(program_->out(), '\n')) {
    if (contains(line, " HTTP/")) lines.push_back(std::move(line));
  }
  return lines;
}

namespace {

// A script of tests/registry, started and ready: the port is in PATH/ready, the log is PATH/log.
std::unique_ptr<RunningProgram> start_script(const std::string& script, const std::string& path,
                                             const Words& options) {
  const std::string source = __FILE__;
  const std::string tests = source.substr(0, source.rfind("/integration/"));
  Words line = {"/usr/bin/python3", tests + "/registry/" + script, "--ready", path + "/ready", "--log",
                path + "/log"};
  line.insert(line.end(), options.begin(), options.end());
  auto program = std::make_unique<RunningProgram>(line, path);
  REQUIRE(within(kReadySeconds, [&] { return path_exists(path + "/ready"); }));
  return program;
}

std::vector<Json> json_lines(const std::string& file) {
  std::vector<Json> result;
  for (const auto& line : split(read_file(file).value_or(""), '\n')) {
    if (!line.empty()) result.push_back(Json::parse(line));
  }
  return result;
}

}  // namespace

ScriptServer::ScriptServer(const std::string& script, const std::string& directory, const Words& options) {
  const std::string path = fresh_directory(directory, script.substr(0, script.find('.')));
  log_ = path + "/log";
  program_ = start_script(script, path, options);
  host_ = "127.0.0.1:" + read_file(path + "/ready").value_or("");
}

std::vector<Json> ScriptServer::requests() const {
  return json_lines(log_);
}
