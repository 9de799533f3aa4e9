#include "cli/template.h"

#include <catch2/catch.hpp>

using cli::Template;

namespace {

const Json& data() {
  static const Json document = Json::parse(R"({
    "Name": "/web", "Pid": 42, "Ratio": 1.5, "Running": true, "Dead": false, "Nothing": null, "Empty": "",
    "Args": ["sh", "-c", "ls"], "None": [],
    "State": {"Status": "running", "Health": null},
    "Labels": {"b": "2", "a": "1"},
    "Mounts": [{"Type": "bind", "Source": "/a"}, {"Type": "volume", "Source": "/b"}]})");
  return document;
}

std::string render(std::string_view text) {
  auto parsed = Template::parse(text);
  if (!parsed) return "parse: " + parsed.error().text();
  auto rendered = parsed->render(data());
  return rendered ? *rendered : "render: " + rendered.error().text();
}

}  // namespace

TEST_CASE("fields and how Go prints them") {
  CHECK(render("a {{.Name}} b") == "a /web b");
  CHECK(render("{{ .State.Status }}{{.Pid}}{{.Ratio}}{{.Running}}") == "running421.5true");
  CHECK(render("{{.Nothing}}") == "<nil>");
  CHECK(render("{{.Args}}") == "[sh -c ls]");
  CHECK(render("{{.Labels}}") == "map[a:1 b:2]");
  CHECK(render("{{(index .Mounts 1).Source}}") == "/b");
  CHECK(render("{{$.Name}}") == "/web");
  CHECK(render("no action") == "no action");
  CHECK(render("").empty());
}

TEST_CASE("a missing field is an error") {
  CHECK(render("{{.Foo}}") == "render: template: executing at <.Foo>: map has no entry for key \"Foo\"");
  CHECK_THAT(render("{{.State.Health.Status}}"), Catch::Contains("can't evaluate field Status"));
  CHECK_THAT(render("{{.Name.X}}"), Catch::Contains("can't evaluate field X"));
}

TEST_CASE("if, else if, else, with") {
  CHECK(render("{{if .Running}}up{{else}}down{{end}}") == "up");
  CHECK(render("{{if .Dead}}a{{else if .Empty}}b{{else if .Pid}}c{{else}}d{{end}}") == "c");
  CHECK(render("{{if .None}}a{{end}}{{if .Nothing}}b{{end}}").empty());
  CHECK(render("{{with .State}}{{.Status}} {{$.Pid}}{{end}}") == "running 42");
  CHECK(render("{{with .State.Health}}{{.Status}}{{else}}none{{end}}") == "none");
  CHECK(render("{{with $x := .Pid}}{{$x}}{{end}}") == "42");
  CHECK(render("{{if and .Running (eq .State.Status \"running\")}}y{{end}}") == "y");
}

TEST_CASE("range over lists and maps") {
  CHECK(render("{{range .Args}}<{{.}}>{{end}}") == "<sh><-c><ls>");
  CHECK(render("{{range $i, $a := .Args}}{{$i}}={{$a}} {{end}}") == "0=sh 1=-c 2=ls ");
  CHECK(render("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}") == "a=1;b=2;");
  CHECK(render("{{range .Mounts}}{{.Type}}:{{.Source}} {{end}}") == "bind:/a volume:/b ");
  CHECK(render("{{range .None}}x{{else}}nothing{{end}}") == "nothing");
  CHECK(render("{{range .Nothing}}x{{end}}").empty());
  CHECK(render("{{$n := 0}}{{range .Args}}{{$n = .}}{{end}}{{$n}}") == "ls");
  CHECK_THAT(render("{{range .Pid}}{{end}}"), Catch::Contains("range can't iterate over 42"));
}

TEST_CASE("pipes and functions") {
  CHECK(render("{{json .State}}") == R"({"Health":null,"Status":"running"})");
  CHECK(render("{{.Args | json}}") == R"(["sh","-c","ls"])");
  CHECK(render("{{join .Args \",\"}}") == "sh,-c,ls");
  CHECK(render("{{index (split .Name \"/\") 1}}") == "web");
  CHECK(render("{{.Name | upper | lower | title}}") == "/web");
  CHECK(render("{{title \"ab cd\"}}") == "Ab Cd");
  CHECK(render("{{pad .Name 1 2}}|{{pad .Empty 1 2}}|") == " /web  ||");
  CHECK(render("{{truncate .Name 3}}{{truncate .Name 99}}") == "/we/web");
  CHECK(render("{{println .Pid .Name}}") == "42 /web\n");
  CHECK(render("{{print 1 2 \"a\" \"b\"}}") == "1 2ab");
  CHECK(render("{{printf \"%-5s|%3d|%q|%v%%\" \"ab\" 7 \"x\" .Args}}") == "ab   |  7|\"x\"|[sh -c ls]%");
  CHECK(render("{{len .Args}}{{len .Name}}{{len .Labels}}{{len .Nothing}}") == "3420");
  CHECK(render("{{index .Labels \"a\"}}{{index .Labels \"zz\"}}") == "1");
  CHECK(render("{{slice .Name 1 3}}{{slice .Args 1}}") == "we[-c ls]");
  CHECK(render("{{eq .Pid 42}}{{eq .Name \"x\" \"/web\"}}{{ne .Pid 42}}{{not .Dead}}") ==
        "truetruefalsetrue");
  CHECK(render("{{lt 1 2}}{{gt 1 2}}{{le 2 2}}{{ge -1 2}}") == "truefalsetruefalse");
  CHECK(render("{{or .Empty .Name}}{{and .Pid .Name}}") == "/web/web");
  CHECK(render("{{or .Name .Foo}}") == "/web");  // the second is not looked at
  CHECK(render("{{.Labels.a | printf \"%s%s\" \"x\"}}") == "x1");
  CHECK(render("{{.Labels \"a\"}}{{.Labels \"zz\"}}") == "1");  // Docker's .Label "key"
  CHECK_THAT(render("{{eq .Pid \"42\"}}"), Catch::Contains("incompatible types for comparison"));
  CHECK_THAT(render("{{index .Args 3}}"), Catch::Contains("index out of range: 3"));
  CHECK_THAT(render("{{join .Args}}"), Catch::Contains("wrong number of args for join"));
}

TEST_CASE("blanks are trimmed, comments vanish, quotes hide braces") {
  CHECK(render("a  {{- \" b \" -}}  c") == "a b c");
  CHECK(render("a{{/* }} not the end */}}b") == "ab");
  CHECK(render("a {{- /* x */ -}} b") == "ab");
  CHECK(render("{{\"}}\"}}{{`{{`}}") == "}}{{");
  CHECK(render("{{\"a\\tb\\n\"}}") == "a\tb\n");
}

TEST_CASE("what is no template is refused with its line") {
  for (const char* bad : {"{{", "{{}}", "{{.A", "{{if}}{{end}}", "{{if .A}}", "{{end}}", "{{else}}",
                          "{{range .A}}{{else}}", "{{foo .A}}", "{{.A | }}", "{{(.A}}", "{{.A)}}", "{{\"x}}",
                          "{{1x}}", "{{.A ! .B}}", "{{/* }}", "{{if .A}}{{else}}{{else}}{{end}}", "{{,}}"}) {
    INFO(bad);
    CHECK_FALSE(Template::parse(bad));
  }
  CHECK(Template::parse("a\nb{{foo}}").error().text() == "template: :2: function \"foo\" not defined");
  std::string deep;
  for (int i = 0; i < 100'000; ++i)
    deep += "{{if .A}}";
  CHECK_FALSE(Template::parse(deep));
  CHECK_FALSE(Template::parse("{{" + std::string(100'000, '(') + "}}"));
}
