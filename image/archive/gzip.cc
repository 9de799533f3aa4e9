#include "image/archive/gzip.h"

#include <isa-l/igzip_lib.h>

#include <string>

namespace image {

namespace {

constexpr size_t kOutputBytes = 256U << 10U;  // stays in the second-level cache between stages
constexpr uint32_t kLevel = 1;                // of 0 to 3: higher ones cost twice the time for a few percent
constexpr uint8_t kMagic[] = {0x1f, 0x8b};    // RFC 1952, 2.3.1
constexpr uint8_t kReservedFlags = 0xe0;

// The library's interface wants pointers to what it only reads.
uint8_t* as_input(std::string_view bytes) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
}

}  // namespace

void Gunzip::Free::operator()(inflate_state* state) const {
  delete state;  // NOLINT(cppcoreguidelines-owning-memory): the deleter of a unique_ptr to an incomplete type
}

Gunzip::Gunzip() : state_(new inflate_state()), output_(kOutputBytes) {
  ::isal_inflate_init(state_.get());
  state_->crc_flag = ISAL_GZIP;
}

void Gunzip::give(std::string_view bytes) {
  state_->next_in = as_input(bytes);
  state_->avail_in = static_cast<uint32_t>(bytes.size());
}

bool Gunzip::wants_input() const {
  return garbage_ || (state_->avail_in == 0 && !output_full_);
}

// False when there is no further member in what was given.
bool Gunzip::start_member() {
  if (state_->avail_in == 0) return false;
  const bool magic =
      state_->next_in[0] == kMagic[0] && (state_->avail_in < 2 || state_->next_in[1] == kMagic[1]);
  if (!magic) {
    garbage_ = true;
    return false;
  }
  ::isal_inflate_reset(state_.get());
  state_->crc_flag = ISAL_GZIP;
  between_members_ = false;
  before_flags_ = kFlagsAt + 1;
  return true;
}

bool Gunzip::known_flags() {
  if (before_flags_ > state_->avail_in) {
    before_flags_ -= state_->avail_in;
    return true;
  }
  const bool is_known = before_flags_ == 0 || (state_->next_in[before_flags_ - 1] & kReservedFlags) == 0;
  before_flags_ = 0;
  return is_known;
}

Result<std::string_view> Gunzip::next() {
  for (;;) {
    if (garbage_ || wants_input()) return std::string_view();
    if (between_members_ && !start_member()) return std::string_view();
    // ISA-L passes over flags that it does not know.
    if (!known_flags()) return corrupt("can't decompress: gzip data with reserved flags");
    state_->next_out = output_.data();
    state_->avail_out = static_cast<uint32_t>(output_.size());
    const int status = ::isal_inflate(state_.get());
    if (status != ISAL_DECOMP_OK)
      return corrupt("can't decompress: damaged gzip data (" + std::to_string(status) + ")");
    between_members_ = state_->block_state == ISAL_BLOCK_FINISH;
    output_full_ = state_->avail_out == 0 && !between_members_;
    const size_t size = output_.size() - state_->avail_out;
    if (size > 0) return std::string_view(reinterpret_cast<const char*>(output_.data()), size);
  }
}

void Gzip::Free::operator()(isal_zstream* stream) const {
  delete stream;  // NOLINT(cppcoreguidelines-owning-memory): the deleter of a unique_ptr to an incomplete
                  // type
}

Gzip::Gzip() : stream_(new isal_zstream()), level_buffer_(ISAL_DEF_LVL1_DEFAULT) {
  ::isal_deflate_init(stream_.get());
  stream_->level = kLevel;
  stream_->level_buf = level_buffer_.data();
  stream_->level_buf_size = static_cast<uint32_t>(level_buffer_.size());
  stream_->gzip_flag = IGZIP_GZIP;
}

Result<std::string_view> Gzip::pack(std::string_view bytes) {
  return run(bytes, false);
}

Result<std::string_view> Gzip::finish() {
  return run({}, true);
}

Result<std::string_view> Gzip::run(std::string_view bytes, bool last) {
  stream_->next_in = as_input(bytes);
  stream_->avail_in = static_cast<uint32_t>(bytes.size());
  stream_->end_of_stream = last ? 1 : 0;
  stream_->flush = NO_FLUSH;
  if (output_.empty()) output_.resize(kOutputBytes);
  size_t size = 0;
  do {
    if (size == output_.size()) output_.resize(output_.size() * 2);
    stream_->next_out = reinterpret_cast<uint8_t*>(output_.data() + size);
    stream_->avail_out = static_cast<uint32_t>(output_.size() - size);
    if (::isal_deflate(stream_.get()) != COMP_OK) return Error(ErrorKind::kSystem, "ISA-L can't compress");
    size = output_.size() - stream_->avail_out;
  } while (stream_->avail_out == 0);
  return std::string_view(output_.data(), size);
}

}  // namespace image
