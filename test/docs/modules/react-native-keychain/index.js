// What the functions of react-native-keychain do, in memory.
export const ACCESSIBLE = { AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: 'AccessibleAfterFirstUnlockThisDeviceOnly' };
export const device = { locked: false, items: new Map() };

function unlocked() {
  if (device.locked) throw new Error('User interaction is not allowed.');
  return device.items;
}

export const getGenericPassword = async ({ service = 'app' } = {}) => unlocked().get(service) ?? false;

export async function setGenericPassword(username, password, { service = 'app', accessible } = {}) {
  unlocked().set(service, { service, username, password, accessible, storage: 'keychain' });
  return { service, storage: 'keychain' };
}

export const resetGenericPassword = async ({ service = 'app' } = {}) => unlocked().delete(service) || true;
