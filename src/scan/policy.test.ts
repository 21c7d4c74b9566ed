import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { markIgnored, parseScanPolicy, refusedBy } from './policy.ts';
import type { Finding } from './scan.ts';

const finding = (id: string, over: Partial<Finding> = {}): Finding => ({
  ...{ id, aliases: [], severity: 'high', summary: '', source: 'osv' },
  package: { ecosystem: 'npm', name: 'a', version: '1', path: 'x' },
  ...over,
});
const parse = (document: unknown) => parseScanPolicy(JSON.stringify(document), 'policy.json');
const NOON = Date.parse('2026-06-15T12:00:00Z');
const refused = (document: object, ...findings: Finding[]) => {
  const policy = parse({ run: 'high', ...document });
  return refusedBy(policy, 'high', markIgnored(policy, findings, NOON)).map(({ id }) => id);
};

suite('scan policy', () => {
  test('findings count from the threshold on, and only those that can be mended when it says so', () => {
    const findings = [finding('1', { severity: 'critical' }), finding('2', { fixedIn: '2' }), finding('3', { severity: 'medium' })];
    assert.deepEqual(refused({}, ...findings), ['1', '2']);
    assert.deepEqual(refused({ onlyFixed: true }, ...findings), ['2']);
  });

  test('exceptions go by id or alias, by package, and until the end of their day', () => {
    assert.deepEqual(refused({ ignore: ['CVE-1'] }, finding('CVE-1'), finding('GHSA-1', { aliases: ['CVE-1'] }), finding('CVE-2')), [
      'CVE-2',
    ]);
    assert.deepEqual(refused({ ignore: [{ id: 'CVE-1', package: 'b' }] }, finding('CVE-1')), ['CVE-1']);
    assert.deepEqual(refused({ ignore: [{ id: 'CVE-1', until: '2026-06-15', reason: 'not reached' }] }, finding('CVE-1')), []);
    assert.deepEqual(refused({ ignore: [{ id: 'CVE-1', until: '2026-06-14' }] }, finding('CVE-1')), ['CVE-1']);
    const policy = parse({ ignore: [{ id: 'CVE-1', reason: 'not reached', until: '2027-01-01' }] });
    assert.deepEqual(markIgnored(policy, [finding('CVE-1')], NOON)[0]?.ignored, { reason: 'not reached', until: '2027-01-01' });
  });

  const mistakes: [document: unknown, message: RegExp][] = [
    [[], /must be a JSON object/],
    [{ runs: 'high' }, /unknown key "runs"/],
    [{ run: 'severe' }, /"run" is "severe", not a severity/],
    [{ pull: true }, /"pull" is true, not a severity/],
    [{ onlyFixed: 'yes' }, /"onlyFixed" must be/],
    [{ ignore: 'CVE-1' }, /"ignore" must be a list/],
    [{ ignore: [7] }, /entry 1 of "ignore" must be a JSON object/],
    [{ ignore: [{}] }, /"id" must be an advisory's id/],
    [{ ignore: [{ id: 'x', until: '2026-02-30' }] }, /"until" is "2026-02-30", not a day/],
    [{ ignore: [{ id: 'x', until: 'soon' }] }, /not a day/],
    [{ ignore: [{ id: 'x', why: 'y' }] }, /unknown key "why"/],
    [{ ignore: [{ id: 'x', reason: 7 }] }, /"reason" must be text/],
  ];
  for (const [document, message] of mistakes)
    test(`parseScanPolicy() refuses ${JSON.stringify(document)}`, () => assert.throws(() => parse(document), message));
});
