//! Which fields of a DICOM file become columns.
//!
//! Source: DICOM PS3.6 for tags and keywords; PS3.15 annex E (table E.1-1, the attribute confidentiality profiles) for
//! what may identify a patient. Only fields of the two lists are ever given: what is not known to be harmless stays in
//! the file. The harmless ones are what annex E's "Retain Patient Characteristics" option keeps (age, sex, size,
//! weight, smoking) and how the picture was taken, which the basic profile leaves alone. As that option demands some
//! care, ages from 90 on are one. The identifying ones are a choice of what the basic profile removes or replaces.

use super::elements::{Elements, Tag};

/// Age in years above which ages are not told apart, as is usual for data that are passed on (HIPAA Safe Harbor).
const OLDEST: f64 = 90.0;
const AGE: &str = "PatientAge";

/// Fields that say nothing about who the patient is.
const HARMLESS: [(Tag, &str); 27] = [
    ((0x0010, 0x1010), AGE),
    ((0x0010, 0x0040), "PatientSex"),
    ((0x0010, 0x1020), "PatientSize"),
    ((0x0010, 0x1030), "PatientWeight"),
    ((0x0010, 0x21a0), "SmokingStatus"),
    ((0x0008, 0x0060), "Modality"),
    ((0x0018, 0x0015), "BodyPartExamined"),
    ((0x0018, 0x5101), "ViewPosition"),
    ((0x0018, 0x5100), "PatientPosition"),
    ((0x0020, 0x0060), "Laterality"),
    ((0x0020, 0x0062), "ImageLaterality"),
    ((0x0008, 0x0008), "ImageType"),
    ((0x0008, 0x0064), "ConversionType"),
    ((0x0008, 0x0070), "Manufacturer"),
    ((0x0008, 0x1090), "ManufacturerModelName"),
    ((0x0018, 0x0020), "ScanningSequence"),
    ((0x0018, 0x0050), "SliceThickness"),
    ((0x0018, 0x0088), "SpacingBetweenSlices"),
    ((0x0028, 0x0030), "PixelSpacing"),
    ((0x0018, 0x1164), "ImagerPixelSpacing"),
    ((0x0018, 0x0060), "KVP"),
    ((0x0018, 0x1150), "ExposureTime"),
    ((0x0018, 0x1151), "XRayTubeCurrent"),
    ((0x0018, 0x1152), "Exposure"),
    ((0x0018, 0x0080), "RepetitionTime"),
    ((0x0018, 0x0081), "EchoTime"),
    ((0x0018, 0x0087), "MagneticFieldStrength"),
];

/// Fields that are numbers; of several values (`0.5\0.5`) a column takes the first.
const NUMBERS: [&str; 14] = [
    AGE,
    "PatientSize",
    "PatientWeight",
    "SliceThickness",
    "SpacingBetweenSlices",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "KVP",
    "ExposureTime",
    "XRayTubeCurrent",
    "Exposure",
    "RepetitionTime",
    "EchoTime",
    "MagneticFieldStrength",
];

/// Fields that may tell who the patient is: names, numbers, dates, places, people, and free text.
const IDENTIFYING: [(Tag, &str); 41] = [
    ((0x0010, 0x0010), "PatientName"),
    ((0x0010, 0x0020), "PatientID"),
    ((0x0010, 0x0021), "IssuerOfPatientID"),
    ((0x0010, 0x0030), "PatientBirthDate"),
    ((0x0010, 0x0032), "PatientBirthTime"),
    ((0x0010, 0x1000), "OtherPatientIDs"),
    ((0x0010, 0x1001), "OtherPatientNames"),
    ((0x0010, 0x1005), "PatientBirthName"),
    ((0x0010, 0x1040), "PatientAddress"),
    ((0x0010, 0x2154), "PatientTelephoneNumbers"),
    ((0x0010, 0x2160), "EthnicGroup"),
    ((0x0010, 0x2180), "Occupation"),
    ((0x0010, 0x21b0), "AdditionalPatientHistory"),
    ((0x0010, 0x4000), "PatientComments"),
    ((0x0008, 0x0050), "AccessionNumber"),
    ((0x0008, 0x0080), "InstitutionName"),
    ((0x0008, 0x0081), "InstitutionAddress"),
    ((0x0008, 0x1040), "InstitutionalDepartmentName"),
    ((0x0008, 0x0090), "ReferringPhysicianName"),
    ((0x0008, 0x1048), "PhysiciansOfRecord"),
    ((0x0008, 0x1050), "PerformingPhysicianName"),
    ((0x0008, 0x1060), "NameOfPhysiciansReadingStudy"),
    ((0x0008, 0x1070), "OperatorsName"),
    ((0x0032, 0x1032), "RequestingPhysician"),
    ((0x0008, 0x1010), "StationName"),
    ((0x0018, 0x1000), "DeviceSerialNumber"),
    ((0x0008, 0x0020), "StudyDate"),
    ((0x0008, 0x0021), "SeriesDate"),
    ((0x0008, 0x0022), "AcquisitionDate"),
    ((0x0008, 0x0030), "StudyTime"),
    ((0x0008, 0x0018), "SOPInstanceUID"),
    ((0x0020, 0x000d), "StudyInstanceUID"),
    ((0x0020, 0x000e), "SeriesInstanceUID"),
    ((0x0020, 0x0052), "FrameOfReferenceUID"),
    ((0x0020, 0x0010), "StudyID"),
    ((0x0008, 0x1030), "StudyDescription"),
    ((0x0008, 0x103e), "SeriesDescription"),
    ((0x0018, 0x1030), "ProtocolName"),
    ((0x0020, 0x4000), "ImageComments"),
    ((0x0032, 0x1060), "RequestedProcedureDescription"),
    ((0x0010, 0x21f0), "PatientReligiousPreference"),
];

/// Names of the fields that are read, by their DICOM keywords: the harmless ones, or those that may identify a patient
/// and are dropped unless asked for.
pub fn dicom_field_names(identifying: bool) -> Vec<&'static str> {
    let fields: &[(Tag, &str)] = if identifying { &IDENTIFYING } else { &HARMLESS };
    fields.iter().map(|(_, name)| *name).collect()
}

/// Name and value of the known fields; several values stay apart by `\`. Ages are years, from 90 on all 90 unless
/// identifying fields are kept.
pub(super) fn read(elements: &Elements<'_>, keep_identifying: bool) -> Vec<(&'static str, String)> {
    let identifying: &[(Tag, &str)] = if keep_identifying { &IDENTIFYING } else { &[] };
    let fields = HARMLESS.iter().chain(identifying);
    fields
        .filter_map(|(tag, name)| {
            let text = elements.text(*tag)?;
            let value = match *name {
                AGE => {
                    let years = years(text)?;
                    crate::number_name(if keep_identifying {
                        years
                    } else {
                        years.min(OLDEST)
                    })
                }
                _ => text.to_owned(),
            };
            Some((*name, value))
        })
        .collect()
}

/// The value of each harmless field as a cell of a column, in the order of [`dicom_field_names`]: years, numbers or
/// names; `None` for what is not there or makes no sense. The first bytes of a file are enough: what is cut off counts
/// as not there.
pub(crate) fn dicom_field_values(head: &[u8]) -> Vec<Option<String>> {
    let Some(elements) = Elements::read_head(head) else {
        return vec![None; HARMLESS.len()];
    };
    let found = read(&elements, false);
    let value_of = |name: &str| {
        let (_, text) = found.iter().find(|(found, _)| *found == name)?;
        if !NUMBERS.contains(&name) {
            return Some(text.clone());
        }
        let first = text.split('\\').next()?.trim();
        crate::parse_number(first).map(crate::number_name)
    };
    HARMLESS.iter().map(|(_, name)| value_of(name)).collect()
}

/// Years of an age such as `045Y`, `018M`, `003W` or `010D`, two decimals.
fn years(text: &str) -> Option<f64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: f64 = number.trim().parse::<u16>().ok()?.into();
    let per_year = match unit {
        "Y" => 1.0,
        "M" => 12.0,
        "W" => 52.1775,
        "D" => 365.2425,
        _ => return None,
    };
    Some((number / per_year * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_of_every_unit_are_years() {
        let ages = ["045Y", "018M", "026W", "010D", "", "Y", "45", "éY"].map(years);
        assert_eq!(ages[..4], [Some(45.0), Some(1.5), Some(0.5), Some(0.03)]);
        assert_eq!(ages[4..], [None; 4]);
    }

    #[test]
    fn numbers_are_harmless_fields() {
        let harmless = dicom_field_names(false);
        assert!(NUMBERS.iter().all(|name| harmless.contains(name)));
    }

    #[test]
    fn no_field_is_in_both_lists() {
        for (tag, name) in IDENTIFYING {
            assert!(!HARMLESS.iter().any(|(other, _)| *other == tag), "{name}");
        }
    }
}
