#include "tests/unit/archive/tar_writer.h"

#include <cstring>
#include <string_view>

namespace {

constexpr size_t kBlock = 512;

// Offsets and lengths of the fields of a ustar header, tar(5).
struct Field {
  size_t offset;
  size_t length;
};
constexpr Field kName = {0, 100};
constexpr Field kMode = {100, 8};
constexpr Field kUid = {108, 8};
constexpr Field kGid = {116, 8};
constexpr Field kSize = {124, 12};
constexpr Field kTime = {136, 12};
constexpr Field kChecksum = {148, 8};
constexpr size_t kType = 156;
constexpr Field kLink = {157, 100};
constexpr size_t kMagic = 257;
constexpr Field kMajor = {329, 8};
constexpr Field kMinor = {337, 8};
constexpr Field kRealSize = {483, 12};  // GNU

void put_text(std::string& header, Field field, std::string_view text) {
  header.replace(field.offset, std::min(text.size(), field.length), text.substr(0, field.length));
}

// Octal, or GNU's base 256 when it does not fit.
void put_number(std::string& header, Field field, int64_t value) {
  const size_t digits = field.length - 1;
  if (value >= 0 && (digits * 3 >= 63 || value < (int64_t{1} << (digits * 3)))) {
    for (size_t i = 0; i < digits; ++i)
      header[field.offset + digits - 1 - i] = static_cast<char>('0' + (value >> (3 * i) & 7));
    return;
  }
  for (size_t i = 0; i < field.length; ++i) {
    const size_t shift = 8 * i;
    const int64_t byte = shift < 64 ? value >> shift : (value < 0 ? -1 : 0);
    header[field.offset + field.length - 1 - i] = static_cast<char>(byte & 0xff);
  }
  header[field.offset] = static_cast<char>(static_cast<unsigned char>(header[field.offset]) | 0x80U);
}

void finish_header(std::string& header) {
  header.replace(kChecksum.offset, kChecksum.length, kChecksum.length, ' ');
  unsigned sum = 0;
  for (const char c : header)
    sum += static_cast<unsigned char>(c);
  header[kChecksum.offset + 7] = '\0';
  put_number(header, {kChecksum.offset, 7}, sum);
}

std::string padded(std::string content) {
  content.resize((content.size() + kBlock - 1) / kBlock * kBlock, '\0');
  return content;
}

std::string pax_record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length)
    length = std::to_string(length).size() + rest.size();
  return std::to_string(length) + rest;
}

std::string plain_header(const TarEntry& entry, uint64_t size) {
  std::string header(kBlock, '\0');
  put_text(header, kName, entry.name);
  put_number(header, kMode, entry.mode);
  put_number(header, kUid, static_cast<int64_t>(entry.uid));
  put_number(header, kGid, static_cast<int64_t>(entry.gid));
  put_number(header, kSize, static_cast<int64_t>(size));
  put_number(header, kTime, entry.mtime);
  header[kType] = entry.type;
  put_text(header, kLink, entry.link);
  header.replace(kMagic, 8,
                 std::string("ustar\0"
                             "00",
                             8));
  put_number(header, kMajor, entry.major);
  put_number(header, kMinor, entry.minor);
  return header;
}

}  // namespace

std::string tar_entry(const TarEntry& entry) {
  auto pax = entry.pax;
  if (entry.name.size() > kName.length) pax.emplace_back("path", entry.name);
  if (entry.link.size() > kLink.length) pax.emplace_back("linkpath", entry.link);
  std::string result;
  if (!pax.empty()) {
    std::string records;
    for (const auto& [key, value] : pax)
      records += pax_record(key, value);
    TarEntry extended{.name = "pax", .type = 'x'};
    std::string header = plain_header(extended, records.size());
    finish_header(header);
    result += header + padded(std::move(records));
  }
  std::string header = plain_header(entry, entry.claimed_size.value_or(entry.content.size()));
  finish_header(header);
  return result + header + padded(entry.content);
}

std::string tar_of(const std::vector<TarEntry>& entries) {
  std::string result;
  for (const auto& entry : entries)
    result += tar_entry(entry);
  return result + std::string(2 * kBlock, '\0');
}

std::string sparse_entry(const std::string& name, uint64_t size) {
  std::string header = plain_header({.name = name, .type = 'S'}, 0);
  header.replace(kMagic, 8, std::string("ustar  \0", 8));
  // What is a prefix in ustar is times and the map in GNU's header.
  std::memset(header.data() + 345, 0, kBlock - 345);
  put_number(header, kRealSize, static_cast<int64_t>(size));
  put_number(header, {386, 12}, static_cast<int64_t>(size));
  put_number(header, {398, 12}, 0);
  finish_header(header);
  return header;
}

TarEntry directory(std::string name, unsigned mode) {
  return {.name = std::move(name), .type = '5', .mode = mode};
}

TarEntry file(std::string name, std::string content, unsigned mode) {
  return {.name = std::move(name), .content = std::move(content), .mode = mode};
}

TarEntry symlink_to(std::string name, std::string target) {
  return {.name = std::move(name), .type = '2', .link = std::move(target), .mode = 0777};
}

TarEntry hard_link_to(std::string name, std::string target) {
  return {.name = std::move(name), .type = '1', .link = std::move(target)};
}
