import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executeTemplate, Row, readTemplate, TemplateRunError, TemplateSyntaxError, usesField } from './index.ts';

const data = {
  Name: '/web',
  State: { Status: 'running', ExitCode: 0, Pid: 42, Health: null },
  Args: ['-c', 'echo hi'],
  Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '443/tcp': null },
  Labels: { b: '2', a: '1' },
  Big: 9007199254740993n,
};

const render = (source: string, value: unknown = data) => executeTemplate(readTemplate(source), value);

const cases: readonly (readonly [string, string])[] = [
  ['{{.Name}} is {{.State.Status}}', '/web is running'],
  ['{{json .State}}', '{"Status":"running","ExitCode":0,"Pid":42,"Health":null,"Running":false}'],
  ['{{.Labels}} {{.Args}} {{.State.Health}}', 'map[a:1 b:2] [-c echo hi] <nil>'],
  ['{{if .State.Health}}healthy{{else if gt .State.Pid 1}}runs{{else}}gone{{end}}', 'runs'],
  ['{{with .State.Health}}x{{else}}none{{end}}', 'none'],
  ['{{range $port, $to := .Ports}}{{$port}}{{range $to}}->{{.HostPort}}{{end}};{{end}}', '443/tcp;80/tcp->8080;'],
  ['{{range $i, $a := .Args}}{{if $i}}, {{end}}{{$a}}{{end}}', '-c, echo hi'],
  ['{{range .Args}}{{if eq . "-c"}}{{continue}}{{end}}{{.}}{{break}}{{end}}', 'echo hi'],
  ['{{(index (index .Ports "80/tcp") 0).HostPort}}', '8080'],
  ['{{index .Labels "b"}}|{{index .Labels "nosuch"}}|', '2||'],
  ['{{join .Args " "}} {{upper "a"}} {{lower "B"}} {{title "some words"}} {{split "a,b" ","}}', '-c echo hi A b Some Words [a b]'],
  ['{{len .Args}} {{len .Name}} {{slice .Name 1}} {{truncate "abcdef" 3}} {{pad "x" 1 2}}|', '2 4 web abc  x  |'],
  ['{{printf "%-6s|%4d|%q|%.1f|%v|%%" "ab" 7 "c" 1.5 true}}', 'ab    |   7|"c"|1.5|true|%'],
  ['{{.Name | printf "%s-%s" "a" | upper}}', 'A-/WEB'],
  ['{{$x := .Name}}{{$x = "y"}}{{$x}}{{$.State.Pid}}', 'y42'],
  ['a  {{- /* note */ -}}  b {{- " c" }}', 'ab c'],
  ['{{and .Name .State.Pid}} {{or "" "x"}} {{not .State.Running}}', '42 x true'],
  ['{{eq 1 2 1}} {{ne "a" "b"}} {{lt 1 2}} {{le 2 2}} {{ge 1 2}}', 'true true true true false'],
  ['{{.Big}} {{json .Big}}', '9007199254740993 9007199254740993'],
  ['{{print "a" 1 2 "b"}}{{println "x" 1}}', 'a1 2bx 1\n'],
  ['{{define "t"}}[{{.}}]{{end}}{{template "t" .Name}}', '[/web]'],
  ['{{`raw\\n`}} {{"tab\\t"}}{{\'a\'}}', 'raw\\n tab\t97'],
];

for (const [source, wanted] of cases)
  test(`executeTemplate() renders ${source}`, () =>
    assert.equal(render(source, { ...data, State: { ...data.State, Running: false } }), wanted));

test('readTemplate() says what is wrong in the words of Go', () => {
  for (const [source, reason] of [
    ['{{.Name', 'template: :1: unclosed action'],
    ['{{nosuch .}}', 'template: :1: function "nosuch" not defined'],
    ['{{if .}}x', 'template: :1: unexpected EOF'],
    ['x{{end}}', 'template: :1: unexpected {{end}}'],
    ['{{}}', 'template: :1: missing value for command'],
    ['a\n{{(.Name}}', 'template: :2: unclosed left paren'],
  ] as const) {
    assert.throws(
      () => readTemplate(source),
      (error: Error) => error instanceof TemplateSyntaxError && error.message === reason,
      source,
    );
  }
});

test('executeTemplate() names the field that is not there, and where', () => {
  assert.throws(
    () => render('{{.State.Foo.Bar}}'),
    (error: Error) => error instanceof TemplateRunError && error.message.includes('nil pointer evaluating interface {}.Bar'),
  );
  const row = new Row('ContainerContext', { ID: () => 'a' });
  assert.throws(() => render('{{.Foo}}', row), {
    message: `template: :1:2: executing "" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext`,
  });
});

test('a Row computes only the fields that a template asks for', () => {
  const row = new Row('x', { ID: () => 'a', Size: () => assert.fail('not asked for') }, { Label: (name) => `label ${name}` });
  assert.equal(render('{{.ID}} {{.Label "b"}}', row), 'a label b');
});

test('usesField() finds a field in pipes, conditions and groups', () => {
  assert.equal(usesField(readTemplate('{{if eq (len .Size) 0}}x{{end}}'), 'Size'), true);
  assert.equal(usesField(readTemplate('{{.ID}} {{.SizeX}}'), 'Size'), false);
  assert.equal(usesField(readTemplate('{{json .}}'), 'Size'), true);
});
