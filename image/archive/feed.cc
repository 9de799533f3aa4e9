#include "image/archive/feed.h"

#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/strings.h"
#include "base/units.h"
#include "image/archive/report.h"

namespace image {

namespace {

Result<void> check_size(const FeedRequest& request, uint64_t content, uint64_t blob) {
  if (content > request.max_bytes) {
    return invalid("the layer is larger than " + human_size(request.max_bytes) +
                   " when unpacked; --max-bytes allows more");
  }
  const Limits& limits = request.limits;
  if (content > limits.ratio_free_bytes && (content - limits.ratio_free_bytes) / limits.max_ratio > blob) {
    return invalid("the layer unpacks to more than " + std::to_string(limits.max_ratio) +
                   " times its size, as a decompression bomb does; --max-ratio allows more");
  }
  return ok();
}

Result<std::vector<std::string>> feed(const FeedRequest& request) {
  InputReader reader = TRY(InputReader::make(request.input, request.blob_algorithm));
  Inflater inflater = TRY(Inflater::make(reader));
  Hasher content = TRY(Hasher::make(request.content_algorithm));
  uint64_t content_bytes = 0;
  bool output_closed = false;
  for (;;) {
    const std::string_view bytes = TRY(inflater.next());
    if (bytes.empty()) break;
    content_bytes += bytes.size();
    TRY(check_size(request, content_bytes, reader.bytes_read()));
    auto written = write_all(request.output_fd, bytes);
    if (!written && written.error().error_number() == EPIPE) {
      output_closed = true;
      break;
    }
    if (!written) return std::move(written).error();
    content.update(bytes);
  }
  const Digest blob_digest = TRY(reader.hasher().finish());
  const Digest content_digest = TRY(content.finish());
  return std::vector<std::string>{blob_digest.text(), std::to_string(reader.bytes_read()),
                                  content_digest.text(), std::to_string(content_bytes),
                                  output_closed ? "closed" : "all"};
}

}  // namespace

Result<Feeder> Feeder::start(const FeedRequest& request) {
  Fd report = TRY(make_report());
  const int report_fd = report.get();
  Sandbox sandbox{.process_name = "vial:inflate",
                  .root = request.empty_directory,
                  .read_only = true,
                  .capabilities = 0,
                  .descriptors = {request.input.fd, request.output_fd, report_fd}};
  const auto body = [&request, report_fd] {
    auto records = feed(request);
    if (!records) write_failure(report_fd, records.error());
    return records && write_report(report_fd, *records) ? 0 : 1;
  };
  SandboxedChild child = TRY(start_sandboxed(sandbox, body));
  return Feeder(std::move(child), std::move(report));
}

Result<FeedAnswer> Feeder::finish() {
  TRY(child_.wait());
  const auto fields = TRY(read_report(report_.get()));
  constexpr size_t kFields = 5;
  if (fields.size() != kFields) return corrupt("unreadable answer");
  Digest blob = TRY(Digest::parse(fields[0]));
  const uint64_t blob_bytes = TRY(parse_uint(fields[1]));
  Digest content = TRY(Digest::parse(fields[2]));
  const uint64_t content_bytes = TRY(parse_uint(fields[3]));
  return FeedAnswer{std::move(blob), blob_bytes, std::move(content), content_bytes, fields[4] == "closed"};
}

}  // namespace image
