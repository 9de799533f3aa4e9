// Image archives for tests, as docker save and skopeo lay them out.
#pragma once

#include <string>
#include <vector>

#include "tests/unit/archive/tar_writer.h"

struct TestImage {
  std::string config;                 // empty: one that fits the layers
  std::vector<std::string> layers;    // tars, as they are in the archive
  std::vector<std::string> diff_ids;  // of the unpacked tars; empty: those of `layers`
  std::string tag = "test:latest";
};

std::string sha256(const std::string& bytes);  // "sha256:..."
std::string config_for(const TestImage& image);
// The entries of the archive; tests change some before they write them.
std::vector<TarEntry> docker_archive(const TestImage& image);
std::vector<TarEntry> oci_archive(const TestImage& image);
