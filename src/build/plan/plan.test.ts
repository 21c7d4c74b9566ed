import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseDockerfile } from '../dockerfile/index.ts';
import { type EvaluatedStage, evaluateStage, Linter, type PlanOptions, planStages, type StageBase } from './index.ts';

const BASE = { architecture: 'amd64', os: 'linux', config: { Env: ['PATH=/bin', 'OLD=1'], Cmd: ['sh'], OnBuild: [] as string[] } };

function evaluate(text: string, options: Partial<PlanOptions> = {}, base: StageBase = { kind: 'image', document: BASE }) {
  const dockerfile = parseDockerfile(Buffer.from(text));
  const linter = new Linter(dockerfile.check);
  const plan = planStages(dockerfile, { buildArguments: {}, hostPlatform: 'linux/amd64', namedContexts: [], linter, ...options });
  const done = new Map<number, EvaluatedStage>();
  for (const planned of plan.stages) {
    const from = planned.base;
    const known: StageBase =
      from.kind === 'stage' ? { kind: 'stage', stage: done.get(from.index)! } : from.kind === 'scratch' ? { kind: 'scratch' } : base;
    done.set(planned.stage.index, evaluateStage(plan, planned, known, { linter }));
  }
  const last = done.get(plan.stages.at(-1)!.stage.index)!;
  return { plan, last, warnings: linter.warnings, history: last.steps.map(({ createdBy }) => createdBy) };
}

suite('planStages()', () => {
  test('plans only what the target needs, its dependencies first', () => {
    const text =
      'FROM x AS a\nFROM x AS unused\nFROM a AS b\nRUN --mount=from=c,target=/m true\nFROM x AS c\nFROM x AS d\nCOPY --from=0 / /\n';
    assert.throws(() => evaluate(text, { target: 'b' }), /cannot copy from stage "c", it needs to be defined before current stage "b"/);
    assert.deepEqual(
      evaluate(text).plan.stages.map(({ stage }) => stage.name),
      ['a', 'd'],
    );
  });

  const wrong: [string, string, Partial<PlanOptions>, RegExp][] = [
    ['an unknown target', 'FROM x AS build', { target: 'biuld' }, /target stage "biuld" could not be found \(did you mean build\?\)$/],
    ['a stage that needs itself', 'FROM x AS a\nCOPY --from=a / /', {}, /circular dependency detected on stage: a/],
    ['an empty name', 'ARG V\nFROM $V', {}, /base name \(\$V\) should not be blank/],
    ['a name that is none', 'FROM X:Y:Z', {}, /failed to parse stage name "X:Y:Z": invalid reference format/],
    ['a platform that is none', 'FROM --platform=a/b/c/d x', {}, /failed to parse platform a\/b\/c\/d/],
    ['variables in --from', 'FROM x\nCOPY --from=$A / /', {}, /variable expansion is not supported for --from/],
    ['a number of no stage', 'FROM x\nCOPY --from=7 / /', {}, /invalid stage index 7/],
  ];
  for (const [what, text, options, message] of wrong) test(`refuses ${what}`, () => assert.throws(() => evaluate(text, options), message));

  test('a named context takes the place of a stage or an image', () => {
    const { stages } = evaluate('FROM alpine AS a\nRUN x\nFROM a\n', { namedContexts: ['a'] }).plan;
    assert.deepEqual([stages[0]!.base, stages[0]!.stage.instructions], [{ kind: 'context', name: 'a' }, []]);
    const image = evaluate('FROM alpine\n', { namedContexts: ['docker.io/library/alpine:latest'] }).plan.stages[0]!;
    assert.equal(image.base.kind, 'context');
  });
});

suite('evaluateStage()', () => {
  test('tells arguments in the history of RUN, and does not keep them in the image', () => {
    const { last, history } = evaluate('ARG G=g\nFROM x\nARG A=1\nARG G\nARG N\nENV E=$A\nRUN echo $A', { buildArguments: { A: '2' } });
    assert.deepEqual(history, ['ARG A=2', 'ARG G=g', 'ARG N', 'ENV E=2', 'RUN |3 A=2 G=g N= /bin/sh -c echo $A # buildkit']);
    assert.deepEqual(last.config.Env, ['PATH=/bin', 'OLD=1', 'E=2']);
    const work = last.steps.at(-1)!.work;
    assert.deepEqual(work?.kind === 'run' && work.environment, ['PATH=/bin', 'OLD=1', 'A=2', 'G=g', 'E=2']);
  });

  test('proxies reach the process, and nothing else', () => {
    const { last, history } = evaluate('FROM x\nRUN a', { buildArguments: { http_proxy: 'p' } });
    const work = last.steps[0]!.work;
    assert.deepEqual(work?.kind === 'run' && work.proxyEnvironment, ['HTTP_PROXY=p', 'http_proxy=p']);
    assert.deepEqual(history, ['RUN /bin/sh -c a # buildkit']);
  });

  test('an entrypoint takes the command of the base away, unless the stage has its own', () => {
    assert.equal(evaluate('FROM x\nENTRYPOINT ["e"]').last.config.Cmd, undefined);
    assert.deepEqual(evaluate('FROM x\nCMD ["c"]\nENTRYPOINT ["e"]').last.config.Cmd, ['c']);
  });

  test('triggers of the base image come first, and do not stay', () => {
    const document = { ...BASE, config: { ...BASE.config, OnBuild: ['RUN t', 'COPY --from=s a /b'] } };
    const { last } = evaluate('FROM scratch AS s\nFROM x\nENV A=1', {}, { kind: 'image', document });
    assert.deepEqual(
      last.steps.map(({ text }) => text),
      ['ONBUILD RUN t', 'ONBUILD COPY --from=s a /b', 'ENV A=1'],
    );
    assert.deepEqual([last.alsoNeeds, last.config.OnBuild], [[0], undefined]);
  });

  test('health checks, ports and commands are told as Docker tells them', () => {
    const { last, history } = evaluate('FROM x\nHEALTHCHECK --interval=90s --retries=3 CMD a b\nEXPOSE 81-82/udp 80\nCMD ["a\\"", "b"]');
    assert.deepEqual(history, [
      `HEALTHCHECK &{["CMD-SHELL" "a b"] "1m30s" "0s" "0s" "0s" '\\x03'}`,
      'EXPOSE [80/tcp 81/udp 82/udp]',
      'CMD ["a\\"" "b"]',
    ]);
    assert.deepEqual(last.config.Healthcheck, { Test: ['CMD-SHELL', 'a b'], Interval: 90e9, Retries: 3 });
    assert.deepEqual(Object.keys(last.config), ['ExposedPorts', 'Env', 'Cmd', 'ArgsEscaped', 'Healthcheck']);
  });

  test('mounts have their defaults, and refuse what they do not know', () => {
    const { last } = evaluate('FROM x\nWORKDIR /w\nRUN --mount=type=cache,target=c --mount=type=secret,id=s,env=S --mount=type=ssh true');
    const work = last.steps[1]!.work;
    assert.ok(work?.kind === 'run');
    const [cache, secret, ssh] = work.mounts;
    assert.ok(cache?.type === 'cache' && secret?.type === 'secret' && ssh?.type === 'ssh');
    assert.deepEqual([cache.id, cache.target, cache.sharing, cache.mode], ['c', '/w/c', 'shared', 0o755]);
    assert.deepEqual([secret.target, secret.variable], [undefined, 'S']);
    assert.equal(ssh.target, '/run/buildkit/ssh_agent.0');
    assert.throws(() => evaluate('FROM x\nRUN --mount=type=cahce,target=/c a'), /unsupported mount type "cahce" \(did you mean cache\?\)/);
    assert.throws(() => evaluate('FROM x\nRUN --mount=typ=bind a'), /unexpected key 'typ' in 'typ=bind' \(did you mean type\?\)/);
  });

  test('a chain of variables that doubles each time ends as an error', () => {
    const lines = Array.from({ length: 40 }, (_, i) => `ENV A${i + 1}=$A${i}$A${i}`).join('\n');
    assert.throws(() => evaluate(`FROM x\nENV A0=aaaaaaaaaa\n${lines}`), /the result is longer than/);
  });
});

suite('the linter', () => {
  const table: [string, string, string, number][] = [
    ['StageNameCasing', 'FROM x AS Abc', "Stage name 'Abc' should be lowercase", 1],
    ['FromAsCasing', 'FROM x as abc', "'as' and 'FROM' keywords' casing do not match", 1],
    ['NoEmptyContinuation', 'FROM x\nRUN a \\\n\n b', 'Empty continuation line', 4],
    ['ConsistentInstructionCasing', 'FROM x\nRUN a\nrun b', "Command 'run' should match the case of the command majority (uppercase)", 3],
    ['DuplicateStageName', 'FROM x AS a\nFROM x AS a', 'Duplicate stage name "a", stage names should be unique', 2],
    ['ReservedStageName', 'FROM x AS context', 'Stage name should not use the same name as reserved stage "context"', 1],
    ['JSONArgsRecommended', 'FROM x\nCMD a', 'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals', 2],
    ['MaintainerDeprecated', 'FROM x\nMAINTAINER m', 'Maintainer instruction is deprecated in favor of using label', 2],
    ['UndefinedArgInFrom', 'ARG TAG=1\nFROM x:1${TGA}', "FROM argument 'TGA' is not declared (did you mean TAG?)", 2],
    ['WorkdirRelativePath', 'FROM x\nWORKDIR a', 'Relative workdir "a" can have unexpected results if the base image changes', 2],
    ['UndefinedVar', 'FROM x\nENV A=$OLDD', "Usage of undefined variable '$OLDD' (did you mean $OLD?)", 2],
    [
      'MultipleInstructionsDisallowed',
      'FROM x\nCMD ["a"]\nCMD ["b"]',
      'Multiple CMD instructions should not be used in the same stage because only the last one will be used',
      2,
    ],
    ['LegacyKeyValueFormat', 'FROM x\nENV a b', '"ENV key=value" should be used instead of legacy "ENV key value" format', 2],
    [
      'RedundantTargetPlatform',
      'FROM --platform=$TARGETPLATFORM x',
      'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
      1,
    ],
    ['SecretsUsedInArgOrEnv', 'FROM x\nARG DB_PASSWORD', 'Do not use ARG or ENV instructions for sensitive data (ARG "DB_PASSWORD")', 2],
    [
      'FromPlatformFlagConstDisallowed',
      'FROM --platform=linux/amd64 x',
      'FROM --platform flag should not use constant value "linux/amd64"',
      1,
    ],
  ];
  for (const [rule, text, detail, line] of table)
    test(`finds ${rule}, and leaves it when told to`, () => {
      const [warning, ...others] = evaluate(text).warnings;
      assert.deepEqual([warning?.rule, warning?.detail, warning?.ranges[0]?.start, others.length], [rule, detail, line, 0]);
      const shifted = evaluate(`# check=skip=${rule}\n${text}`);
      assert.deepEqual(shifted.warnings, []);
    });
});
