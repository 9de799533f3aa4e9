#include "image/registry/credentials.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGPIPE
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"

using namespace image::registry;

namespace {

// A directory with config.json and, in PATH, a helper that keeps its secrets in files.
class Home {
 public:
  Home() {
    ::signal(SIGPIPE, SIG_IGN);  // as vial-image does: a helper may end before it has read all
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
    REQUIRE(::setenv("DOCKER_CONFIG", path_.c_str(), 1) == 0);  // NOLINT: one thread
    ::unsetenv("XDG_RUNTIME_DIR");                              // NOLINT: one thread
  }
  ~Home() {
    ::unsetenv("DOCKER_CONFIG");  // NOLINT: one thread
    CHECK(remove_tree(path_));
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  std::string file() const { return path_ + "/config.json"; }
  void write(const std::string& text) const { REQUIRE(replace_file(file(), text)); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/vial-home-XXXXXX";
};

constexpr const char* kHelper = R"sh(#!/bin/sh
cd "$(dirname "$0")" || exit 1
input=$(cat)
case $1 in
get)
  if [ "$input" = "https://index.docker.io/v1/" ]; then
    echo '{"ServerURL":"x","Username":"<token>","Secret":"idtoken"}'
  elif [ "$input" = broken.test ]; then
    echo "the keychain is locked"
    exit 1
  elif [ -f stored ] && [ "$input" = kept.test ]; then
    cat stored
  else
    echo "credentials not found in native keychain"
    exit 1
  fi ;;
store) printf '%s' "$input" > stored ;;
erase) rm -f stored ;;
esac
)sh";

// What is found for a repository; the test fails when nothing is.
Credentials known(const CredentialFile& file, std::string_view domain, std::string_view path) {
  const auto found = file.find(domain, path);
  INFO((found ? "" : found.error().text()));
  REQUIRE(found);
  REQUIRE(*found);
  return **found;
}

}  // namespace

TEST_CASE("auths: base64, plain, identity tokens") {
  const auto read = [](const char* text) {
    const Json document = Json::parse(text);
    return read_auth(JsonView(document));
  };
  CHECK((*read(R"({"auth":"bWU6c2VjcmV0OndpdGg6Y29sb25z"})"))->user == "me");
  CHECK((*read(R"({"auth":"bWU6c2VjcmV0OndpdGg6Y29sb25z"})"))->password == "secret:with:colons");
  CHECK((*read(R"({"username":"a","password":"b"})"))->password == "b");
  CHECK((*read(R"({"identitytoken":"t"})"))->identity_token == "t");
  CHECK_FALSE(*read("{}"));
  CHECK_FALSE(read(R"({"auth":"bWU="})"));
  CHECK_FALSE(read(R"({"auth":7})"));
}

TEST_CASE("the entry for a repository is the longest that fits, however it is written") {
  const std::vector<std::string> keys = {"https://index.docker.io/v1/", "quay.io", "quay.io/team",
                                         "https://lan:5000/v2/"};
  CHECK(find_auth_key(keys, "docker.io", "library/busybox") == "https://index.docker.io/v1/");
  CHECK(find_auth_key(keys, "quay.io", "other/x") == "quay.io");
  CHECK(find_auth_key(keys, "quay.io", "team/x") == "quay.io/team");
  CHECK(find_auth_key(keys, "quay.io", "teams/x") == "quay.io");
  CHECK(find_auth_key(keys, "lan:5000", "x") == "https://lan:5000/v2/");
  CHECK_FALSE(find_auth_key(keys, "lan", "x"));
  CHECK_FALSE(find_auth_key(keys, "evil.quay.io", "x"));
}

TEST_CASE("login stores for root's eyes only, and logout removes only that") {
  const Home home;
  home.write(R"({"psFormat":"x","auths":{"other":{"auth":"YTpi"}}})");
  auto file = CredentialFile::open();
  REQUIRE(file);
  CHECK(file->store("lan:5000", {"me", "secret", ""}).value());
  struct stat status = {};
  REQUIRE(::stat(home.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  auto again = CredentialFile::open();
  REQUIRE(again);
  CHECK(known(*again, "lan:5000", "a/b").password == "secret");
  CHECK_FALSE(*again->find("lan:5001", "a/b"));
  CHECK(again->erase("lan:5000").value());
  CHECK_FALSE(again->erase("lan:5000").value());
  const auto text = read_file(home.file());
  CHECK(text->find("psFormat") != std::string::npos);
  CHECK(text->find("other") != std::string::npos);
  CHECK(text->find("lan:5000") == std::string::npos);
}

TEST_CASE("helpers: get, store, erase") {
  const Home home;
  REQUIRE(create_file(home.path() + "/docker-credential-test", kHelper, 0755));
  REQUIRE(::chmod((home.path() + "/docker-credential-test").c_str(), 0755) == 0);
  const std::string path = std::getenv("PATH");                           // NOLINT: one thread
  REQUIRE(::setenv("PATH", (home.path() + ":" + path).c_str(), 1) == 0);  // NOLINT: one thread
  home.write(R"({"credsStore":"test","credHelpers":{"none.test":"missing","odd.test":"../x"}})");
  auto file = CredentialFile::open();
  REQUIRE(file);
  CHECK(known(*file, "docker.io", "library/x").identity_token == "idtoken");
  CHECK_FALSE(*file->find("lan", "x"));
  CHECK_FALSE(file->store("kept.test", {"me", "secret", ""}).value());
  CHECK(known(*file, "kept.test", "x").password == "secret");
  CHECK(read_file(home.file())->find("secret") == std::string::npos);
  CHECK(file->erase("kept.test").value());
  CHECK_FALSE(*file->find("kept.test", "x"));
  CHECK(file->find("none.test", "x").error().text().find("docker-credential-missing is not installed") !=
        std::string::npos);
  CHECK_FALSE(file->find("odd.test", "x"));
  CHECK_FALSE(file->find("broken.test", "x"));
  REQUIRE(::setenv("PATH", path.c_str(), 1) == 0);  // NOLINT: one thread
}

TEST_CASE("podman's file is looked at, too") {
  const Home home;
  REQUIRE(make_directories(home.path() + "/containers"));
  REQUIRE(create_file(home.path() + "/containers/auth.json", R"({"auths":{"quay.io":{"auth":"YTpi"}}})"));
  REQUIRE(::setenv("XDG_RUNTIME_DIR", home.path().c_str(), 1) == 0);  // NOLINT: one thread
  CHECK(known(*CredentialFile::open(), "quay.io", "x").user == "a");
  ::unsetenv("XDG_RUNTIME_DIR");  // NOLINT: one thread
}
