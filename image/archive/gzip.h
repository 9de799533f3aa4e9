// gzip through ISA-L, which unpacks about twice as fast as zlib: a reader for the streaming parts of the
// sandboxed children, and a writer for layers that came uncompressed. Source: RFC 1952 (members, trailer),
// isa-l/igzip_lib.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"

struct inflate_state;
struct isal_zstream;

namespace image {

// Unpacks the members of a gzip file one after the other, and verifies their checksums.
class Gunzip {
 public:
  Gunzip();
  // Bytes to unpack; they must stay where they are until all output of them was taken.
  void give(std::string_view bytes);
  // Whether next() wants more bytes before it can go on.
  bool wants_input() const;
  // Unpacked bytes, valid until the next call; empty: it wants input or the file is complete. kCorrupt for
  // damaged data.
  Result<std::string_view> next();
  // The file can end here: between members. What follows that is no member (padding) is passed over.
  bool at_end() const { return between_members_ || garbage_; }

 private:
  static constexpr size_t kFlagsAt = 3;  // in a member's header, RFC 1952
  bool start_member();
  // Whether the flags of the member that begins here are such as there are; what is not there yet is looked
  // at in the next piece.
  bool known_flags();

  struct Free {
    void operator()(inflate_state* state) const;
  };
  std::unique_ptr<inflate_state, Free> state_;
  std::vector<uint8_t> output_;
  bool between_members_ = false;
  size_t before_flags_ = kFlagsAt + 1;  // bytes of this member's header to come, with the flags; 0: seen
  bool output_full_ = false;            // the last call filled its buffer: there may be more without input
  bool garbage_ = false;
};

class Gzip {
 public:
  Gzip();
  // Packs the bytes; the result, maybe empty, is valid until the next call.
  Result<std::string_view> pack(std::string_view bytes);
  // The rest. To be called once.
  Result<std::string_view> finish();

 private:
  Result<std::string_view> run(std::string_view bytes, bool last);

  struct Free {
    void operator()(isal_zstream* stream) const;
  };
  std::unique_ptr<isal_zstream, Free> stream_;
  std::vector<uint8_t> level_buffer_;
  std::vector<char> output_;
};

}  // namespace image
