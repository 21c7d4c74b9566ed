import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type HostTable, judge } from './host-rules.ts';
import { readIptables } from './iptables-rules.ts';
import { readNftTables } from './nft-rules.ts';

const web = { family: 4 as const, protocol: 'tcp', port: 8080 };
const verdict = (tables: HostTable[], question = web) => {
  const { lets, by } = judge(tables, 'input', question);
  return `${lets}: ${by}`;
};

/** The shape of ufw's chains, with the rules of a user. */
const ufw = (...user: string[]) => [
  readIptables(
    [
      ':INPUT DROP [0:0]',
      ':before - [0:0]',
      ':not-local - [0:0]',
      ':user - [0:0]',
      ':after - [0:0]',
      ':skip - [0:0]',
      '-A INPUT -j before',
      '-A INPUT -j after',
      '-A before -i lo -j ACCEPT',
      '-A before -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A before -m conntrack --ctstate INVALID -j DROP',
      '-A before -p icmp -m icmp --icmp-type 8 -j ACCEPT',
      '-A before -j not-local',
      '-A before -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT',
      '-A before -j user',
      '-A not-local -m addrtype --dst-type LOCAL -j RETURN',
      '-A not-local -j DROP',
      ...user.map((rule) => `-A user ${rule}`),
      '-A after -m addrtype --dst-type BROADCAST -j skip',
      '-A skip -j DROP',
    ].join('\n'),
    'ip filter',
    4,
  ),
];

suite('judge() of what iptables-save prints', () => {
  for (const [what, user, expected] of [
    ['nothing allowed', [], 'nobody: ip filter INPUT (policy drop)'],
    ['another port allowed', ['-p tcp -m tcp --dport 80 -j ACCEPT'], 'nobody: ip filter INPUT (policy drop)'],
    ['the port allowed', ['-p tcp -m tcp --dport 8080 -j ACCEPT'], 'everyone: ip filter INPUT'],
    ['a list and a range', ['-p tcp -m multiport --dports 80,8000:8100 -j ACCEPT'], 'everyone: ip filter INPUT'],
    ['the port by UDP', ['-p udp -m udp --dport 8080 -j ACCEPT'], 'nobody: ip filter INPUT (policy drop)'],
    [
      'one source',
      ['-s 10.0.0.0/8 -p tcp -m tcp --dport 8080 -j ACCEPT'],
      'some: ip filter INPUT (policy drop), which accepts some: source 10.0.0.0/8',
    ],
    [
      'one device, with a comment',
      ['-i eth1 -p tcp -m tcp --dport 8080 -m comment --comment "my -j DROP" -j ACCEPT'],
      'some: ip filter INPUT (policy drop), which accepts some: from eth1',
    ],
    ['a reject before', ['-p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset', '-j ACCEPT'], 'nobody: ip filter INPUT'],
    [
      'all but one source',
      ['-s 203.0.113.7/32 -j DROP', '-p tcp -j ACCEPT'],
      'some: ip filter INPUT, which refuses some: source 203.0.113.7/32',
    ],
  ] as const)
    test(what, () => assert.equal(verdict(ufw(...user)), expected));
});

const nft = (...rules: unknown[][]) =>
  readNftTables(
    [
      { chain: { family: 'inet', table: 'wall', name: 'input', hook: 'input', policy: 'accept' } },
      { chain: { family: 'inet', table: 'wall', name: 'zone' } },
      {
        rule: {
          family: 'inet',
          table: 'wall',
          chain: 'input',
          expr: [match({ ct: { key: 'state' } }, ['established', 'related'], 'in'), { accept: null }],
        },
      },
      { rule: { family: 'inet', table: 'wall', chain: 'input', expr: [match({ meta: { key: 'iifname' } }, 'lo'), { accept: null }] } },
      { rule: { family: 'inet', table: 'wall', chain: 'input', expr: [{ goto: { target: 'zone' } }] } },
      ...rules.map((expr) => ({ rule: { family: 'inet', table: 'wall', chain: 'zone', expr } })),
      { rule: { family: 'inet', table: 'wall', chain: 'input', expr: [{ drop: null }] } },
    ],
    () => false,
  );

const match = (left: unknown, right: unknown, op = '==') => ({ match: { op, left, right } });
const port = (right: unknown, op = '==') => match({ payload: { protocol: 'tcp', field: 'dport' } }, right, op);

suite('judge() of what nft -j prints', () => {
  for (const [what, rules, expected] of [
    ['a goto does not come back', [], 'everyone: inet wall input'],
    ['the last word is a reject', [[{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }]], 'nobody: inet wall input'],
    ['the port, then a reject', [[port(8080), { accept: null }], [{ reject: null }]], 'everyone: inet wall input'],
    [
      'a set of ports and ranges',
      [[port({ set: [22, { range: [8000, 9000] }] }), { accept: null }], [{ drop: null }]],
      'everyone: inet wall input',
    ],
    ['all ports but this', [[port(8080, '!='), { accept: null }], [{ drop: null }]], 'nobody: inet wall input'],
    [
      'one source by prefix',
      [
        [match({ payload: { protocol: 'ip', field: 'saddr' } }, { prefix: { addr: '10.0.0.0', len: 8 } }), { accept: null }],
        [{ drop: null }],
      ],
      'some: inet wall input, which accepts some: source 10.0.0.0/8',
    ],
    [
      'translated traffic, which this is not',
      [[match({ ct: { key: 'status' } }, 'dnat', 'in'), { accept: null }], [{ drop: null }]],
      'nobody: inet wall input',
    ],
  ] as const)
    test(what, () => assert.equal(verdict(nft(...(rules as unknown as unknown[][]))), expected));

  test('no chain at input lets everybody in, and one of another family says nothing', () => {
    assert.equal(verdict([]), 'everyone: ');
    assert.equal(verdict(ufw(), { ...web, family: 6 as never }), 'everyone: ');
  });

  test('the strictest of several chains decides', () => {
    assert.match(verdict([...ufw('-p tcp -m tcp --dport 8080 -j ACCEPT'), ...nft([{ drop: null }])]), /^nobody: inet wall input/);
  });
});
