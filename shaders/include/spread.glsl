// The workgroup's number, so that a sixteenth of them, which one thread of a CPU device may take, gets eight neighbours of each 128:
// rows may be sorted by length. There are 128 times `spread` of them.
uint spread_group(uint spread) {
    uint group = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x, run = group / 8, share = divided(run, spread);
    return ((run - share * spread) * 16 + share) * 8 + group % 8;
}
