// Rows of a sparse matrix in parts of bounded length: part k has the entries first[k] to first[k + 1]. Where SPLIT, owner[k] is
// its row, and place[k] where its result goes: the row, or beyond the rows, among the pieces of the rows that have several.
const uint NONE = 0xffffffffu;
layout(constant_id = 0) const bool SPLIT = false;
struct Part { uint lead, row, place, begin, end, unit; };
#define PART(part_, i) \
    uint rest_ = divided(i, p.units), lead_ = divided(rest_, p.parts), number_ = rest_ - lead_ * p.parts; \
    Part part_ = Part(lead_, number_, number_, first[number_], first[number_ + 1], i - rest_ * p.units); \
    if (SPLIT) { part_.row = owner[number_]; part_.place = place[number_]; }
