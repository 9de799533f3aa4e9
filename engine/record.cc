#include "engine/record.h"

#include "engine/request_fields.h"

namespace engine {

namespace {
constexpr int kRecordSchema = 1;
}

template <typename Visit, Is<ImageFacts> T>
void visit_fields(Visit& visit, T& image) {
  visit("id", image.id);
  visit("reference", image.reference);
  visit("env", image.env);
  visit("command", image.command);
  visit("entrypoint", image.entrypoint);
  visit("user", image.user);
  visit("workdir", image.workdir);
  visit("stopSignal", image.stop_signal);
  visit("volumes", image.volumes);
  visit("exposedPorts", image.exposed_ports);
  visit("labels", image.labels);
  visit("layers", image.layer_directories);
}

template <typename Visit, Is<MountPoint> T>
void visit_fields(Visit& visit, T& mount) {
  visit("type", mount.type);
  visit("name", mount.name);
  visit("source", mount.source);
  visit("destination", mount.destination);
  visit("mode", mount.mode);
  visit("readOnly", mount.read_only);
  visit("shallowReadOnly", mount.shallow_read_only);
  visit("anonymous", mount.anonymous);
  visit("createHost", mount.create_host);
  visit("noCopy", mount.no_copy);
  visit("propagation", mount.propagation);
  visit("options", mount.options);
}

template <typename Visit, Is<ContainerRecord> T>
void visit_fields(Visit& visit, T& record) {
  visit("id", record.id);
  visit("name", record.name);
  visit("created", record.created_ns);
  visit("request", record.request);
  visit("image", record.image);
  visit("args", record.args);
  visit("hostname", record.hostname);
  visit("stopSignal", record.stop_signal);
  visit("mounts", record.mounts);
  visit("warnings", record.warnings);
}

std::map<std::string, std::string> labels_of(const ContainerRecord& record) {
  auto labels = record.request.labels;
  labels.insert(record.image.labels.begin(), record.image.labels.end());  // does not replace
  return labels;
}

Result<RunRequest> read_request(const JsonView& document) {
  RunRequest request;
  FieldReader reader(document);
  visit_fields(reader, request);
  TRY(reader.finish());
  return request;
}

Json write_request(const RunRequest& request) {
  FieldWriter writer;
  visit_fields(writer, request);
  return writer.take();
}

Result<ContainerRecord> read_record(const Json& document) {
  const JsonView view(document);
  const auto schema = view.optional_integer("schema");
  if (!schema || !*schema) return corrupt("not a container record");
  if (**schema != kRecordSchema) {
    return unsupported("container record of schema " + std::to_string(**schema) +
                       ": it was made by another version of vial");
  }
  ContainerRecord record;
  FieldReader reader(view);
  reader.skip("schema");
  visit_fields(reader, record);
  auto finished = reader.finish();
  if (!finished) return corrupt(finished.error().text());
  return record;
}

Json write_record(const ContainerRecord& record) {
  FieldWriter writer;
  visit_fields(writer, record);
  Json document = writer.take();
  document["schema"] = kRecordSchema;
  return document;
}

}  // namespace engine
