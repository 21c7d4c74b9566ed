import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { applyChanges } from './changes.ts';

suite('applyChanges()', () => {
  test('reads every instruction that only changes the configuration', () => {
    const config = applyChanges({ Env: ['A=1', 'B=2'] }, [
      'CMD ["nginx", "-g", "daemon off;"]',
      'ENTRYPOINT exec "$0"',
      'ENV A=3 C="x y"',
      'env OLD some words',
      'EXPOSE 80 53/udp',
      'LABEL a=b "c d"=\'e f\'',
      'VOLUME /data /logs',
      'USER 1:2',
      'WORKDIR /srv',
      'WORKDIR app',
      'STOPSIGNAL SIGQUIT',
      'HEALTHCHECK --interval=1m30s --retries=2 CMD curl -f localhost',
    ]);
    assert.deepEqual(config, {
      Env: ['A=3', 'B=2', 'C=x y', 'OLD=some words'],
      Cmd: ['nginx', '-g', 'daemon off;'],
      Entrypoint: ['/bin/sh', '-c', 'exec "$0"'],
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Labels: { a: 'b', 'c d': 'e f' },
      Volumes: { '/data': {}, '/logs': {} },
      User: '1:2',
      WorkingDir: '/srv/app',
      StopSignal: 'SIGQUIT',
      Healthcheck: { Test: ['CMD-SHELL', 'curl -f localhost'], Interval: 90e9, Retries: 2 },
    });
  });

  for (const [line, complaint] of [
    ['RUN true', /RUN is not a valid change command/],
    ['ENV', /ENV requires at least one argument/],
    ['EXPOSE http', /Invalid containerPort: http/],
    ['ENV =x', /cannot read "=x"|must name a value/],
    ['HEALTHCHECK --often=1s CMD x', /unknown flag --often/],
    ['HEALTHCHECK --interval=soon CMD x', /invalid duration "soon"/],
  ] as const) {
    test(`refuses "${line}"`, () => {
      assert.throws(() => applyChanges({}, [line]), complaint);
    });
  }
});
