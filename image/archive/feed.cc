#include "image/archive/feed.h"

#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/units.h"
#include "image/archive/report.h"

namespace image {

namespace {

// Everything that comes, to a pipe.
Result<FeedAnswer> pump(const FeedRequest& request, int output_fd) {
  const std::unique_ptr<Feed> feed = TRY(Feed::make(request));
  bool output_closed = false;
  for (;;) {
    const std::string_view bytes = TRY(feed->next());
    if (bytes.empty()) break;
    auto written = write_all(output_fd, bytes);
    if (!written && written.error().error_number() == EPIPE) {
      output_closed = true;
      break;
    }
    if (!written) return std::move(written).error();
  }
  FeedAnswer answer = TRY(feed->finish());
  answer.output_closed = output_closed;
  return answer;
}

}  // namespace

std::vector<std::string> to_records(const FeedAnswer& answer) {
  std::vector<std::string> records = {answer.blob_digest ? answer.blob_digest->text() : "-",
                                      std::to_string(answer.blob_bytes), std::to_string(answer.content_bytes),
                                      answer.output_closed ? "closed" : "all"};
  if (answer.kept) {
    records.push_back(answer.kept->digest.text());
    records.push_back(std::to_string(answer.kept->bytes));
    records.emplace_back(answer.kept->is_zstd ? "zstd" : "gzip");
    records.emplace_back(answer.kept->as_it_came ? "came" : "made");
  }
  records.resize(kFeedRecords, "-");
  return records;
}

Result<FeedAnswer> feed_answer_of(const std::vector<std::string>& records) {
  if (records.size() < kFeedRecords) return corrupt("unreadable answer");
  std::optional<Digest> blob;
  if (records[0] != "-") blob = TRY(Digest::parse(records[0]));
  const uint64_t blob_bytes = TRY(parse_uint(records[1]));
  const uint64_t content_bytes = TRY(parse_uint(records[2]));
  FeedAnswer answer{std::move(blob), blob_bytes, content_bytes, {}, records[3] == "closed"};
  if (records[4] == "-") return answer;
  Digest kept = TRY(Digest::parse(records[4]));
  const uint64_t kept_bytes = TRY(parse_uint(records[5]));
  answer.kept = KeptBlob{std::move(kept), kept_bytes, records[6] == "zstd", records[7] == "came"};
  return answer;
}

Result<std::unique_ptr<Feed>> Feed::make(const FeedRequest& request) {
  InputReader reader = TRY(InputReader::make(request.input, request.blob_algorithm));
  std::unique_ptr<Feed> feed(new Feed(request, std::move(reader)));
  feed->inflater_.emplace(TRY(Inflater::make(feed->reader_, request.keep_fd)));
  const Compression compression = feed->inflater_->compression();
  if (request.keep_fd >= 0 && compression != Compression::kGzip && compression != Compression::kZstd) {
    feed->packer_ = std::make_unique<Gzip>();
    feed->packed_ = TRY(Hasher::make(DigestAlgorithm::kSha256));
  }
  return feed;
}

Result<void> Feed::check_size() const {
  if (content_bytes_ > request_.max_bytes) {
    return invalid("the layer is larger than " + human_size(request_.max_bytes) +
                   " when unpacked; --max-bytes allows more");
  }
  const Limits& limits = request_.limits;
  const uint64_t blob = reader_.bytes_read();
  if (content_bytes_ > limits.ratio_free_bytes &&
      (content_bytes_ - limits.ratio_free_bytes) / limits.max_ratio > blob) {
    return invalid("the layer unpacks to more than " + std::to_string(limits.max_ratio) +
                   " times its size, as a decompression bomb does; --max-ratio allows more");
  }
  return ok();
}

Result<void> Feed::keep(std::string_view packed) {
  packed_bytes_ += packed.size();
  packed_->update(packed);
  TRY_IN("keep the layer", write_all(request_.keep_fd, packed));
  return ok();
}

Result<std::string_view> Feed::next() {
  const std::string_view bytes = TRY(inflater_->next());
  content_bytes_ += bytes.size();
  TRY(check_size());
  if (packer_ && !bytes.empty()) {
    const std::string_view packed = TRY(packer_->pack(bytes));
    TRY(keep(packed));
  }
  return bytes;
}

Result<FeedAnswer> Feed::finish() {
  auto blob = TRY(reader_.digest());
  FeedAnswer answer{std::move(blob), reader_.bytes_read(), content_bytes_, {}, false};
  if (packer_) {
    const std::string_view rest = TRY(packer_->finish());
    TRY(keep(rest));
    Digest packed = TRY(packed_->finish());
    answer.kept = KeptBlob{std::move(packed), packed_bytes_, false, false};
  } else if (request_.keep_fd >= 0 && answer.blob_digest) {
    answer.kept = KeptBlob{*answer.blob_digest, answer.blob_bytes,
                           inflater_->compression() == Compression::kZstd, true};
  }
  return answer;
}

Result<Feeder> Feeder::start(const FeedRequest& request, int output_fd, const std::string& empty_directory) {
  Fd report = TRY(make_report());
  const int report_fd = report.get();
  Sandbox sandbox{.process_name = "vial:inflate",
                  .root = empty_directory,
                  .read_only = true,
                  .capabilities = 0,
                  .descriptors = {request.input.fd, output_fd, report_fd}};
  if (request.keep_fd >= 0) sandbox.descriptors.push_back(request.keep_fd);
  const auto body = [&request, output_fd, report_fd] {
    auto answer = pump(request, output_fd);
    if (!answer) write_failure(report_fd, answer.error());
    return answer && write_report(report_fd, to_records(*answer)) ? 0 : 1;
  };
  SandboxedChild child = TRY(start_sandboxed(sandbox, body));
  return Feeder(std::move(child), std::move(report));
}

Result<FeedAnswer> Feeder::finish() {
  TRY(child_.wait());
  const auto records = TRY(read_report(report_.get()));
  return feed_answer_of(records);
}

}  // namespace image
