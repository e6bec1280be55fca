//! The contracts between the parts of the house.
