// What the functions of expo-secure-store do, in memory. `device.locked` is a device that nobody has unlocked since its start.
export const AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY = 1;
export const device = { locked: false, items: new Map() };

function item(key) {
  if (!/^[\w.-]+$/.test(key)) throw new Error('Invalid key provided to SecureStore.');
  if (device.locked) throw new Error('User interaction is not allowed.');
  return device.items.get(key) ?? null;
}

export const getItemAsync = async (key) => item(key)?.value ?? null;

export async function setItemAsync(key, value, options) {
  item(key);
  // Some releases of iOS refuse more.
  if (typeof value !== 'string' || value.length > 2048) throw new Error('Invalid value provided to SecureStore.');
  device.items.set(key, { value, options });
}

export async function deleteItemAsync(key) {
  item(key);
  device.items.delete(key);
}
