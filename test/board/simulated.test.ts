import { boardContract } from './contract.ts';
import { simulatedRig } from './rig.ts';

boardContract('simulated', simulatedRig);
