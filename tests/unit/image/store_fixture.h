// A store in a temporary directory, and images of nothing but digits to put into it.
#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/file.h"
#include "image/store.h"

class StoreFixture {
 public:
  StoreFixture() {
    std::array<char, 32> name = {"/tmp/vial-store-XXXXXX"};
    path_ = ::mkdtemp(name.data());
  }
  ~StoreFixture() { CHECK(remove_tree(path_)); }
  StoreFixture(const StoreFixture&) = delete;
  StoreFixture& operator=(const StoreFixture&) = delete;

  std::string root() const { return path_ + "/store"; }
  image::Store store() const { return image::Store(root()); }
  bool has_layer(char digit) const { return path_exists(root() + "/layers/" + std::string(16, digit)); }
  std::vector<std::string> names(const std::string& directory) const {
    auto list = list_directory(root() + "/" + directory);
    return list ? *list : std::vector<std::string>();
  }

 private:
  std::string path_;
};

inline image::Digest digest(char digit) {
  return *image::Digest::parse("sha256:" + std::string(64, digit));
}

inline image::Reference name(const char* text) {
  return *image::Reference::parse_with_default_tag(text);
}

inline image::NewLayer staged_layer(const image::Staging& staging, char digit) {
  const std::string directory = std::string("layer-") + digit;
  REQUIRE(make_directories(staging.path() + "/" + directory + "/fs"));
  REQUIRE(create_file(staging.path() + "/" + directory + "/fs/file", std::string(1, digit)));
  return image::NewLayer{digest(digit), digest(digit), 10, directory};
}
