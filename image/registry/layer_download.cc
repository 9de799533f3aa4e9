#include "image/registry/layer_download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "image/archive/unpack_layer.h"
#include "image/registry/http_client.h"
#include "image/registry/http_status.h"
#include "image/registry/manifest_fetch.h"
#include "image/store.h"

namespace image::registry {

namespace {

constexpr size_t kPieceBytes = 256U << 10U;
constexpr int kTurns = 16;  // of one layer before the others have their turn

// "bytes 1000-1999/2000" begins at 1000.
std::optional<uint64_t> range_start(const std::string& content_range) {
  constexpr std::string_view kUnit = "bytes ";
  if (!content_range.starts_with(kUnit)) return std::nullopt;
  const std::string_view rest = std::string_view(content_range).substr(kUnit.size());
  const auto start = parse_uint(rest.substr(0, rest.find('-')));
  if (!start) return std::nullopt;
  return *start;
}

// What the store has already, below other layers or with another image, is not fetched again.
Result<Ingest> open_ingest(const LayerOrder& order) {
  const std::string own = order.directory + ".partial";
  const std::string stored = Store(order.store_root).blob_path(order.blob.digest);
  auto borrowed = Ingest::borrow(stored, order.blob.size, own);
  if (borrowed) return borrowed;
  return Ingest::open(order.store_root, order.blob.digest, own);
}

}  // namespace

Result<std::unique_ptr<LayerDownload>> LayerDownload::start(Remote& remote, LayerOrder order) {
  TRY(make_directories(order.directory));
  Ingest ingest = TRY(open_ingest(order));
  Hasher hasher = TRY(Hasher::make(order.blob.digest.algorithm()));
  std::unique_ptr<LayerDownload> result(
      new LayerDownload(remote, std::move(order), std::move(ingest), std::move(hasher)));  // NOLINT: private
  if (result->ingest_.size() > result->order_.blob.size) TRY(result->ingest_.clear());
  result->replayed_ = result->ingest_.size();
  result->buffer_.resize(kPieceBytes);
  TRY(result->start_unpacking());
  return result;
}

Result<void> LayerDownload::start_unpacking() {
  LayerRequest request;
  request.directory = order_.directory + "/fs";
  request.empty_directory = order_.empty_directory;
  // Its digest is ours to verify: the child gets the bytes that we hashed.
  request.blob_bytes = order_.blob.size;
  request.diff_id = order_.diff_id;
  request.media_type = order_.blob.media_type;
  request.limits = order_.limits;
  request.fused = !order_.is_most;
  TRY(sys::mkdir(request.directory.c_str(), kRootMode));
  if (::chmod(request.directory.c_str(), kRootMode) < 0)  // whatever our umask is
    return Error::from_errno("chmod " + request.directory, errno);
  sys::Pipe pipe = TRY(sys::pipe2(0));
  ::fcntl(pipe.writer.get(), F_SETPIPE_SZ, kPipeBytes);
  if (::fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK) < 0) return Error::from_errno("fcntl", errno);
  request.input.fd = pipe.reader.get();
  unpacking_.emplace(TRY(LayerUnpacking::start(request)));
  input_ = std::move(pipe.writer);
  return ok();
}

// The bytes of an earlier try were wrong: once more, from the first one.
Result<void> LayerDownload::start_over() {
  input_.reset();
  unpacking_.reset();
  fetch_.reset();
  TRY(remove_tree(order_.directory + "/fs"));
  TRY(ingest_.clear());
  hasher_ = TRY(Hasher::make(order_.blob.digest.algorithm()));
  position_ = replayed_ = skip_ = last_break_ = 0;
  has_head_ = false;
  unsent_ = {};
  return start_unpacking();
}

Result<LayerDownload::Step> LayerDownload::feed() {
  while (!unsent_.empty()) {
    const ssize_t count = ::write(input_.get(), unsent_.data(), unsent_.size());
    if (count >= 0) {
      unsent_.remove_prefix(static_cast<size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      waiting_ = {-1, input_.get(), INT64_MAX};
      return Step::kWait;
    }
    const int error_number = errno;
    // It has given up, and says why.
    input_.reset();
    const auto unpacked = unpacking_->finish();
    unpacking_.reset();
    if (!unpacked) return unpacked.error();
    return Error::from_errno("the unpacking process ended too early", error_number);
  }
  return Step::kGoOn;
}

Result<void> LayerDownload::take(std::string_view bytes) {
  hasher_.update(bytes);
  position_ += bytes.size();
  unsent_ = bytes;
  return ok();
}

Result<LayerDownload::Step> LayerDownload::replay() {
  const size_t wanted = std::min<uint64_t>(buffer_.size(), ingest_.size() - position_);
  const ssize_t count = ::pread(ingest_.fd(), buffer_.data(), wanted, static_cast<off_t>(position_));
  if (count < 0) return Error::from_errno("read " + ingest_.path(), errno);
  if (count == 0) return corrupt(ingest_.path() + " became shorter");
  TRY(take({buffer_.data(), static_cast<size_t>(count)}));
  return Step::kGoOn;
}

Result<LayerDownload::Step> LayerDownload::take_head() {
  const AnswerHead& head = fetch_->head();
  has_head_ = true;
  last_byte_ns_ = monotonic_ns();
  if (head.status == http::kPartialContent) {
    if (range_start(head.header("content-range")) != position_)
      return corrupt("the registry sent another part than it was asked for");
    return Step::kGoOn;
  }
  if (head.status == http::kOk) {
    skip_ = position_;
    const auto length = parse_uint(head.header("content-length"));
    if (length && *length != order_.blob.size) {
      return corrupt("the registry has " + std::to_string(*length) + " bytes, the manifest says " +
                     std::to_string(order_.blob.size));
    }
    return Step::kGoOn;
  }
  if (head.status == http::kRangeNotSatisfiable && replayed_ > 0)
    return corrupt("the registry has fewer bytes");
  return status_error(fetch_->url(), head.status, "");
}

// The transfer has ended: with the last byte, or too early.
Result<LayerDownload::Step> LayerDownload::take_end() {
  const TransferEnd* end = fetch_->end();
  if (end == nullptr) {
    waiting_ = {remote_->client().fd(), -1, INT64_MAX};
    return Step::kWait;
  }
  if (position_ == order_.blob.size) {
    fetch_.reset();
    return Step::kGoOn;
  }
  if (end->fault != TransferFault::kNone) {
    const Break how = end->fault == TransferFault::kTimeout ? Break::kStalled : Break::kEnded;
    return take_up_later(transfer_error(fetch_->url(), *end), how);
  }
  return take_up_later(Error(ErrorKind::kSystem, "the registry ends after " + std::to_string(position_) +
                                                     " of " + std::to_string(order_.blob.size) + " bytes"),
                       Break::kEnded);
}

// A break: once more from where we are, or `error` when there were too many without progress.
Result<LayerDownload::Step> LayerDownload::take_up_later(const Error& error, Break how) {
  if (position_ - last_break_ >= kProgress) breaks_ = 0;
  last_break_ = position_;
  breaks_ += how == Break::kStalled ? 2 : 1;
  if (breaks_ >= kBreaks) return error;
  fetch_.reset();
  has_head_ = false;
  skip_ = 0;
  not_before_ns_ = monotonic_ns() + (remote_->settings().retry_delay_ns << (breaks_ - 1));
  return Step::kGoOn;
}

Result<LayerDownload::Step> LayerDownload::read_network() {
  const ssize_t count = ::read(fetch_->body_fd(), buffer_.data(), buffer_.size());
  if (count < 0 && errno == EINTR) return Step::kGoOn;
  if (count < 0 && errno == EAGAIN) {
    const int64_t patience = last_byte_ns_ + remote_->settings().stall_timeout_ns;
    if (monotonic_ns() > patience) {
      return take_up_later(
          Error(ErrorKind::kSystem, "registry " + fetch_->url().authority() + " stopped after " +
                                        std::to_string(position_) + " of " +
                                        std::to_string(order_.blob.size) + " bytes"),
          Break::kStalled);
    }
    waiting_ = {fetch_->body_fd(), -1, patience};
    return Step::kWait;
  }
  if (count < 0) return Error::from_errno("read", errno);
  last_byte_ns_ = monotonic_ns();
  if (count == 0) return take_end();
  std::string_view bytes(buffer_.data(), static_cast<size_t>(count));
  const size_t skipped = std::min<uint64_t>(skip_, bytes.size());
  skip_ -= skipped;
  bytes.remove_prefix(skipped);
  if (bytes.size() > order_.blob.size - position_) {
    return corrupt("the registry sends more than the " + std::to_string(order_.blob.size) +
                   " bytes that the manifest says");
  }
  TRY(ingest_.append(bytes));
  TRY(take(bytes));
  return Step::kGoOn;
}

Result<LayerDownload::Step> LayerDownload::download() {
  if (!fetch_) {
    if (monotonic_ns() < not_before_ns_) {
      waiting_ = {-1, -1, not_before_ns_};
      return Step::kWait;
    }
    FetchRequest request;
    request.path = order_.repository_path + "/blobs/" + order_.blob.digest.text();
    request.scope = repository_scope(order_.repository_path, "pull");
    request.is_short = false;
    if (position_ > 0) request.headers.push_back({"Range", "bytes=" + std::to_string(position_) + "-"});
    fetch_ = std::make_unique<Fetch>(*remote_, std::move(request));
  }
  if (!has_head_) {
    const auto ready = fetch_->advance();
    if (!ready && ready.error().kind() == ErrorKind::kSystem)
      return take_up_later(ready.error(), Break::kStalled);
    if (!ready) return ready.error();
    if (!*ready) {
      waiting_ = {remote_->client().fd(), -1, fetch_->wake_ns()};
      return Step::kWait;
    }
    return take_head();
  }
  return read_network();
}

Result<void> LayerDownload::verify() {
  fetch_.reset();
  const Digest found = TRY(hasher_.finish());
  if (found != order_.blob.digest) {
    return corrupt("the registry sent something else: it should be " + order_.blob.digest.text() +
                   " but is " + found.text());
  }
  verified_ = true;
  input_.reset();
  return ok();
}

Result<bool> LayerDownload::collect() {
  if (!wait_until_dead(unpacking_->pidfd(), 0)) {
    waiting_ = {unpacking_->pidfd(), -1, INT64_MAX};
    return false;
  }
  unpacked_ = TRY(unpacking_->finish());
  unpacking_.reset();
  return true;
}

// What is wrong is not kept for the next try; what only broke off is.
Error LayerDownload::failed(const Error& error) {
  const bool is_wrong = error.kind() == ErrorKind::kCorrupt || verified_;
  if (is_wrong) ingest_.remove();
  const std::string hex = order_.blob.digest.short_hex();
  return Error(error).in("layer " + hex);
}

Result<bool> LayerDownload::advance() {
  for (int turn = 0; turn < kTurns; ++turn) {
    Result<Step> step = Step::kGoOn;
    if (!unsent_.empty()) {
      step = feed();
    } else if (verified_) {
      auto collected = collect();
      if (!collected) return failed(collected.error());
      return *collected;
    } else if (position_ == order_.blob.size && !fetch_) {
      const auto verified = verify();
      if (!verified) step = verified.error();
    } else if (position_ < ingest_.size()) {
      step = replay();
    } else {
      step = download();
    }
    if (!step && replayed_ > 0 && step.error().kind() == ErrorKind::kCorrupt) {
      TRY(start_over());
      continue;
    }
    if (!step) return failed(step.error());
    if (*step == Step::kWait) return false;
  }
  waiting_ = {-1, -1, 0};
  return false;
}

}  // namespace image::registry
