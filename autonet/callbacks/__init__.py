"""Floor 6: what the training loop calls at each moment: it looks on, or changes the course of training."""

from autonet import lazy as _lazy
from autonet.callbacks.base import Callback as Callback
from autonet.callbacks.callback_list import CallbackList as CallbackList
from autonet.callbacks.checkpoint import BackupAndRestore as BackupAndRestore
from autonet.callbacks.checkpoint import ModelCheckpoint as ModelCheckpoint
from autonet.callbacks.checkpoint import SwapEMAWeights as SwapEMAWeights
from autonet.callbacks.learning_rate import LearningRateScheduler as LearningRateScheduler
from autonet.callbacks.learning_rate import ReduceLROnPlateau as ReduceLROnPlateau
from autonet.callbacks.measures import BatchLoss as BatchLoss
from autonet.callbacks.measures import TrainingEvaluation as TrainingEvaluation
from autonet.callbacks.monitor import MonitorCallback as MonitorCallback
from autonet.callbacks.reports import CSVLogger as CSVLogger
from autonet.callbacks.reports import History as History
from autonet.callbacks.reports import LambdaCallback as LambdaCallback
from autonet.callbacks.reports import ProgbarLogger as ProgbarLogger
from autonet.callbacks.stopping import EarlyStopping as EarlyStopping
from autonet.callbacks.stopping import TerminateOnNaN as TerminateOnNaN
from autonet.callbacks.tensorboard import TensorBoard as TensorBoard
from autonet.callbacks.training_monitor import TrainingMonitor as TrainingMonitor
from autonet.common.lines import filter_tracebacks as _filter_tracebacks

_filter_tracebacks(__name__)

_lazy.publish(__name__)
