use train::evaluate;

use crate::toy::{Recorder, config, usual};

/// Sums of probabilities in f32.
const F32_TOL: f32 = 1e-5;

#[test]
fn scores_are_log_probabilities_in_the_loaders_order_for_the_network_and_each_input() {
    let toy = usual();
    let (network, result) = toy
        .fit(&config("epochs = 2"), &Recorder::default().context())
        .unwrap();
    let said = evaluate(&network, &toy.held_out(), false).unwrap();
    assert_eq!(said.rows, (72..96).collect::<Vec<_>>());
    assert_eq!(said.scores.width, 3);
    assert_eq!(said.scores.main.len(), 24 * 3);
    for row in said.scores.main.chunks(3) {
        let sum: f32 = row.iter().map(|score| score.exp()).sum();
        assert!((sum - 1.0).abs() < F32_TOL, "{row:?}");
    }
    let picture = said.scores.aux[1].as_ref().unwrap();
    let absent: Vec<usize> = (0..24).filter(|record| !picture.present[*record]).collect();
    assert_eq!(absent, [73 - 72, 89 - 72]);
    assert_eq!(picture.scores.len(), 24 * 3);
    assert!(said.present.iter().all(|present| *present));
    assert!(said.loss.unwrap().is_finite());
    // The averaging twin judges the same weights; only the mirror image is new.
    let judged = result.history.epochs[1].validation_loss.unwrap();
    assert!((judged - said.loss.unwrap()).abs() < f64::from(F32_TOL));
}

#[test]
fn the_average_over_mirror_images_is_one_of_probabilities() {
    let toy = usual();
    let network = toy.build();
    let plain = evaluate(&network, &toy.held_out(), false).unwrap();
    let averaged = evaluate(&network, &toy.held_out(), true).unwrap();
    assert_ne!(plain.scores.main, averaged.scores.main);
    for row in averaged.scores.main.chunks(3) {
        let sum: f32 = row.iter().map(|score| score.exp()).sum();
        assert!((sum - 1.0).abs() < F32_TOL, "{row:?}");
    }
    // Nothing of a number is mirrored.
    assert_eq!(plain.scores.aux[0], averaged.scores.aux[0]);
}
