//! What every metric of the registry must do.
