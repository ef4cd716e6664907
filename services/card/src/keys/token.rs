//! The token of an HSM: sessions with it, and the key objects on it.
//!
//! A session does one thing at a time, so there are a few (`keys.pkcs11.sessions`), opened when first needed. After any
//! failure the session is closed, and another one is opened and asked once more: what is computed here changes nothing,
//! so twice is as good as once. Object handles are found again with each session, as an HSM that was restarted has others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use zeroize::Zeroizing;

use super::KeysError;
use super::config::{BadKey, Pkcs11Config, ZoneAlgorithm};

/// What a key object on the token is for, and with what it computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// Of one length, eight bytes: only the left half of a card verification key.
    Des,
    /// Of two parts or three.
    TripleDes,
    /// Of any length.
    Aes,
    /// HMAC with SHA-256.
    Hmac,
}

impl Algorithm {
    fn of(found: KeyType) -> Option<Self> {
        match found {
            KeyType::DES => Some(Self::Des),
            KeyType::DES2 | KeyType::DES3 => Some(Self::TripleDes),
            KeyType::AES => Some(Self::Aes),
            KeyType::GENERIC_SECRET | KeyType::SHA256_HMAC => Some(Self::Hmac),
            _ => None,
        }
    }

    /// For one block by itself.
    fn mechanism(self) -> Mechanism<'static> {
        match self {
            Self::Des => Mechanism::DesEcb,
            Self::TripleDes => Mechanism::Des3Ecb,
            Self::Aes => Mechanism::AesEcb,
            Self::Hmac => Mechanism::Sha256Hmac,
        }
    }
}

impl From<ZoneAlgorithm> for Algorithm {
    fn from(of: ZoneAlgorithm) -> Self {
        match of {
            ZoneAlgorithm::TripleDes => Self::TripleDes,
            ZoneAlgorithm::Aes => Self::Aes,
        }
    }
}

/// A key object that is wanted: the setting that names it, its label, and what it may be.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Below `keys`.
    pub(super) setting: String,
    /// `CKA_LABEL`.
    pub(super) label: String,
    /// Any of these.
    pub(super) may_be: &'static [Algorithm],
}

/// A key object, in one session.
#[derive(Debug, Clone, Copy)]
struct Key {
    handle: ObjectHandle,
    algorithm: Algorithm,
}

/// A session that is logged in, and the key objects by the settings that name them.
pub(super) struct Line {
    session: Session,
    keys: BTreeMap<String, Key>,
}

/// Why something was not computed.
pub(super) enum Failure {
    /// What was asked cannot be: asking again is the same.
    Asked(KeysError),
    /// The token did not do it.
    Token(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Token(error)
    }
}

impl Line {
    /// What the key of a setting is.
    pub(super) fn algorithm(&self, setting: &str) -> Result<Algorithm, Failure> {
        Ok(self.key(setting)?.algorithm)
    }

    /// Encrypts one block.
    pub(super) fn encrypt<const N: usize>(
        &self,
        setting: &str,
        block: [u8; N],
    ) -> Result<[u8; N], Failure> {
        let key = self.key(setting)?;
        let made = self.session.encrypt(&key.algorithm.mechanism(), key.handle, &block)?;
        exactly(&made)
    }

    /// Decrypts one block. The result is wiped by the caller.
    pub(super) fn decrypt<const N: usize>(
        &self,
        setting: &str,
        block: [u8; N],
    ) -> Result<[u8; N], Failure> {
        let key = self.key(setting)?;
        let clear = self.session.decrypt(&key.algorithm.mechanism(), key.handle, &block)?;
        exactly(&Zeroizing::new(clear))
    }

    /// HMAC with SHA-256.
    pub(super) fn hmac(&self, setting: &str, of: &[u8]) -> Result<Vec<u8>, Failure> {
        let key = self.key(setting)?;
        Ok(self.session.sign(&key.algorithm.mechanism(), key.handle, of)?)
    }

    fn key(&self, setting: &str) -> Result<Key, Failure> {
        self.keys.get(setting).copied().ok_or(Failure::Asked(KeysError::UnknownKey))
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Failure> {
    bytes.try_into().map_err(|error| Failure::Token(Error::TryFromSlice(error)))
}

/// The token, and a few sessions with it.
pub(super) struct Token {
    module: Pkcs11,
    config: Pkcs11Config,
    wanted: Vec<Wanted>,
    places: Vec<Mutex<Option<Line>>>,
    next: AtomicUsize,
}

impl Token {
    /// Loads the module, logs in and finds every key. Once in a process: that is how PKCS#11 is.
    pub(super) fn open(config: &Pkcs11Config, wanted: Vec<Wanted>) -> Result<Self, BadKey> {
        let module = load(config)?;
        let places = std::iter::repeat_with(Mutex::default).take(config.sessions).collect();
        let next = AtomicUsize::default();
        let token = Self { module, config: config.clone(), wanted, places, next };
        let line = blocking(|| token.line())?;
        if let Some(place) = token.places.first() {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
        }
        Ok(token)
    }

    /// Does something in a session, and once more in another one if that fails.
    pub(super) fn with<T>(
        &self,
        work: impl Fn(&Line) -> Result<T, Failure>,
    ) -> Result<T, KeysError> {
        blocking(|| {
            let count = self.places.len().max(1);
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % count;
            let place = self.places.get(turn).ok_or(KeysError::Unavailable)?;
            // Whoever panicked had taken the session out, so there is nothing half done in here.
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            for _ in 0..2 {
                let line = match place.take().map_or_else(|| self.line(), Ok) {
                    Ok(line) => line,
                    Err(error) => {
                        tracing::error!(%error, "there is no session with the HSM");
                        continue;
                    }
                };
                match work(&line) {
                    Ok(done) => {
                        *place = Some(line);
                        return Ok(done);
                    }
                    Err(Failure::Asked(error)) => {
                        *place = Some(line);
                        return Err(error);
                    }
                    Err(Failure::Token(error)) => {
                        tracing::warn!(%error, "the HSM failed: its session is opened again");
                    }
                }
            }
            Err(KeysError::Unavailable)
        })
    }

    fn line(&self) -> Result<Line, BadKey> {
        let session = log_in(&self.module, &self.config, Access::Reading)?;
        let keys = self.wanted.iter().map(|wanted| {
            let token = &self.config.token_label;
            find(&session, token, wanted).map(|key| (wanted.setting.clone(), key))
        });
        let keys = keys.collect::<Result<_, _>>()?;
        Ok(Line { session, keys })
    }
}

/// Whether objects are only used, or made too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Objects are used.
    Reading,
    /// Objects are made.
    Writing,
}

/// Loads the module of the settings.
pub(super) fn load(config: &Pkcs11Config) -> Result<Pkcs11, BadKey> {
    let bad = |error: Error| BadKey::new("pkcs11.module", format!("cannot be used: {error}"));
    let module = Pkcs11::new(&config.module).map_err(bad)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(bad)?;
    Ok(module)
}

/// A session with the token of the settings, as its user.
pub(super) fn log_in(
    module: &Pkcs11,
    config: &Pkcs11Config,
    access: Access,
) -> Result<Session, BadKey> {
    let bad = |error: Error| BadKey::new("pkcs11", format!("the HSM does not answer: {error}"));
    let slot = slot(module, &config.token_label)?;
    let session = match access {
        Access::Reading => module.open_ro_session(slot),
        Access::Writing => module.open_rw_session(slot),
    };
    let session = session.map_err(bad)?;
    let pin = AuthPin::new(config.pin.expose().clone().into_boxed_str());
    match session.login(UserType::User, Some(&pin)) {
        // One login is for all sessions of a process.
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(error) => Err(BadKey::new("pkcs11.pin", format!("the token does not let in: {error}"))),
    }
}

fn slot(module: &Pkcs11, label: &str) -> Result<Slot, BadKey> {
    let bad = |error: Error| BadKey::new("pkcs11", format!("the HSM does not answer: {error}"));
    for slot in module.get_slots_with_initialized_token().map_err(bad)? {
        if module.get_token_info(slot).map_err(bad)?.label() == label {
            return Ok(slot);
        }
    }
    Err(BadKey::new("pkcs11.token_label", format!("the HSM has no token labelled {label:?}")))
}

/// How many secret keys have a label.
pub(super) fn count(session: &Session, label: &str) -> Result<usize, Error> {
    Ok(labelled(session, label)?.len())
}

fn labelled(session: &Session, label: &str) -> Result<Vec<ObjectHandle>, Error> {
    let label = Attribute::Label(label.as_bytes().to_vec());
    session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY), label])
}

fn find(session: &Session, token: &str, wanted: &Wanted) -> Result<Key, BadKey> {
    let Wanted { setting, label, may_be } = wanted;
    let bad = |why: &str| {
        let why = format!("the token {token:?} has {why} labelled {label:?}");
        BadKey::new(setting, why)
    };
    let unanswered =
        |error: Error| BadKey::new(setting, format!("the HSM does not answer: {error}"));
    let handle = match labelled(session, label).map_err(unanswered)?.as_slice() {
        [] => return Err(bad("no secret key")),
        [handle] => *handle,
        _ => return Err(bad("more than one secret key")),
    };
    let found = session.get_attributes(handle, &[AttributeType::KeyType]).map_err(unanswered)?;
    let found = found.into_iter().find_map(|attribute| match attribute {
        Attribute::KeyType(of) => Algorithm::of(of),
        _ => None,
    });
    let fits = found.filter(|algorithm| may_be.contains(algorithm));
    let algorithm = fits.ok_or_else(|| bad("a key of another algorithm"))?;
    Ok(Key { handle, algorithm })
}

/// Waits for the HSM without keeping other tasks of this thread waiting.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
    }
}
