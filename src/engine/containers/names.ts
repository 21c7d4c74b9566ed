import { invalid } from '../../base/index.ts';

const LEFT =
  'able amber apt bold brave breezy bright brisk calm candid cheery civil clever cosy crisp curious dapper deft eager early easy fair fond frank fresh gentle glad golden grand happy hardy hearty honest humble jolly keen kind lively loyal lucid lucky merry mild modest neat nimble noble patient placid plucky polite prime proud quick quiet rapid ready robust rosy sage serene sharp shiny silent sleek smart snappy sober solid spry steady sturdy sunny swift tidy trusty upbeat vivid warm wise witty zesty';
const RIGHT =
  'anchor anvil arbor barge beacon bobbin bollard boom bridge buoy cabin canal capstan cargo cask chain coil cradle crane crate davit depot derrick dock drum ferry fender flume funnel gable gantry gear girder grapple harbor hatch hawser hinge hoist hook hull jetty jib keel ladder lantern lever lift locker mast mortar pallet pier piston pulley quay rail ramp rivet rope rudder shaft sheave shovel signal sling spar spool sprocket stack tackle tender tiller tower trestle trolley truss tug turbine valve wharf winch windlass';

/** A pronounceable name from the digits of an id, the same for the same id and attempt. */
export function suggestName(id: string, attempt: number): string {
  const left = LEFT.split(' ');
  const right = RIGHT.split(' ');
  const number = Number.parseInt(id.slice(0, 12), 16) + attempt * 7919;
  const name = `${left[number % left.length]}_${right[Math.floor(number / left.length) % right.length]}`;
  return attempt < 4 ? name : `${name}${attempt}`;
}

/** Docker's rule for container names; a leading slash is taken off. */
export function checkName(name: string): string {
  const bare = name.startsWith('/') ? name.slice(1) : name;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(bare)) {
    throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  return bare;
}
